"""Logged values that training does not wait for."""
from .deferred_history import DeferredHistory, update_later

__all__ = ['DeferredHistory', 'update_later']
