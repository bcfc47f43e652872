"""Loops of training runs."""
from .available_val_loop import AvailableValLoop

__all__ = ['AvailableValLoop']
