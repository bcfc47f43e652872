"""Gradient clipping that does not wait for the device."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.optim import OptimWrapper
from mmocr.registry import OPTIM_WRAPPERS
from torch import nn

from ..logging import update_later


@torch.no_grad()
def clip_tensor_norms(parameters: Sequence[nn.Parameter], max_norm: float) -> torch.Tensor:
    """Scale the gradient of each parameter to a norm of at most ``max_norm``, by itself; returns
    the norm of all together before that."""
    gradients = [parameter.grad for parameter in parameters]
    norms = torch.stack(torch._foreach_norm(gradients))
    factors = (max_norm / (norms + 1e-6)).clamp(max=1)
    torch._foreach_mul_(gradients, list(factors.unbind()))
    return norms.norm()


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
