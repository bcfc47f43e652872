"""Optimizer wrappers that do not make the host wait, and what builds them."""
from .deferred_amp_optim_wrapper import DeferredAmpOptimWrapper
from .deferred_optim_wrapper import DeferredOptimWrapper
from .deferred_optim_wrapper_constructor import DeferredOptimWrapperConstructor

__all__ = ['DeferredAmpOptimWrapper', 'DeferredOptimWrapper', 'DeferredOptimWrapperConstructor']
