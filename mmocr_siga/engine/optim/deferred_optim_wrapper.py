"""Gradient clipping that does not wait for the device."""
from __future__ import annotations

import torch
from mmengine.optim import OptimWrapper
from mmocr.registry import OPTIM_WRAPPERS

from ..logging import update_later


class DeferredNormMixin:
    """Logs the norm of the gradients without reading it in every step."""

    def _clip_grad(self) -> None:
        parameters = [p for group in self.optimizer.param_groups for p in group['params']
                      if p.requires_grad and p.grad is not None]
        if not parameters:
            return
        norm = self.clip_func(parameters, **self.clip_grad_kwargs)
        # Clipping by value has no norm.
        if isinstance(norm, torch.Tensor):
            update_later(self.message_hub, f'train/{self.grad_name}', norm)


@OPTIM_WRAPPERS.register_module()
class DeferredOptimWrapper(DeferredNormMixin, OptimWrapper):
    """``OptimWrapper`` of MMEngine, but with ``clip_grad`` no step waits until the norm is known.

    Configs get it by :class:`DeferredOptimWrapperConstructor`.
    """
