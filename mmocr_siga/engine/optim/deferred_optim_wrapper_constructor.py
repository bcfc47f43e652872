"""How a config asks for the wrappers of this folder."""
from __future__ import annotations

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmocr.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from .deferred_amp_optim_wrapper import DeferredAmpOptimWrapper
from .deferred_optim_wrapper import DeferredOptimWrapper

_DEFERRED = dict(OptimWrapper=DeferredOptimWrapper, AmpOptimWrapper=DeferredAmpOptimWrapper)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class DeferredOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Builds our wrapper in the place of MMEngine's of the type that the config names, for
    ``--amp`` of MMOCR's ``tools/train.py`` knows the types 'OptimWrapper' and 'AmpOptimWrapper'
    alone: ``optim_wrapper = dict(type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor', ...)``."""

    def __call__(self, model: nn.Module) -> OptimWrapper:
        kind = self.optim_wrapper_cfg.get('type', 'OptimWrapper')
        self.optim_wrapper_cfg['type'] = _DEFERRED.get(kind, kind)
        return super().__call__(model)
