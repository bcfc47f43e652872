"""How a config asks for the wrappers of this folder."""
from __future__ import annotations

from mmengine.optim import DefaultOptimWrapperConstructor, OptimWrapper
from mmocr.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn

from .deferred_amp_optim_wrapper import DeferredAmpOptimWrapper
from .deferred_optim_wrapper import DeferredOptimWrapper, clip_tensor_norms

_DEFERRED = dict(OptimWrapper=DeferredOptimWrapper, AmpOptimWrapper=DeferredAmpOptimWrapper)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class DeferredOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Builds our wrapper in the place of MMEngine's of the type that the config names, for
    ``--amp`` of MMOCR's ``tools/train.py`` knows the types 'OptimWrapper' and 'AmpOptimWrapper'
    alone: ``optim_wrapper = dict(type='OptimWrapper',
    constructor='DeferredOptimWrapperConstructor', ...)``.

    ``clip_grad=dict(type='tensor', max_norm=3)`` clips the norm of each tensor's gradient, and not
    that of all together."""

    def __call__(self, model: nn.Module) -> OptimWrapper:
        config = self.optim_wrapper_cfg
        kind = config.get('type', 'OptimWrapper')
        config['type'] = _DEFERRED.get(kind, kind)
        clip = config.get('clip_grad') or {}
        if clip.get('type') != 'tensor':
            return super().__call__(model)
        config['clip_grad'] = dict(clip, type='norm')
        wrapper = super().__call__(model)
        wrapper.clip_func = clip_tensor_norms
        return wrapper
