"""Training machinery."""
from . import hooks, optim

__all__ = ['hooks', 'optim']
