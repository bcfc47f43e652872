"""Training machinery."""

from . import hooks, optim
from .cpu_distributed import enable_cpu_launcher

enable_cpu_launcher()

__all__ = ['enable_cpu_launcher', 'hooks', 'optim']
