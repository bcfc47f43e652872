"""Mixed precision that also runs where there is no accelerator."""
from __future__ import annotations

import logging
from typing import Any

import torch
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from mmengine.optim.optimizer.amp_optimizer_wrapper import GradScaler
from mmocr.registry import OPTIM_WRAPPERS

from ...compat.cpu_launcher import has_accelerator
from .deferred_optim_wrapper import DeferredNormMixin

_CPU_DTYPES = (None, 'float16', 'bfloat16', torch.float16, torch.bfloat16)


@OPTIM_WRAPPERS.register_module()
class DeferredAmpOptimWrapper(DeferredNormMixin, AmpOptimWrapper):
    """``AmpOptimWrapper`` of MMEngine that spares waits, and falls back to the CPU.

    With an accelerator the norm of clipped gradients is read when it is logged, and there is no
    loss scaler in bfloat16, whose exponent has float32's range. Without one, where MMEngine's class
    refuses to start, it runs ``torch.autocast`` on the CPU in bfloat16.

    Checkpoints go both ways: a run without a scaler drops that of the checkpoint, and a run that
    has one starts with a fresh one where the checkpoint has none.
    """

    def __init__(self, loss_scale: str | float | dict = 'dynamic',
                 dtype: str | torch.dtype | None = None, use_fsdp: bool = False,
                 **kwargs: Any) -> None:
        if has_accelerator():
            super().__init__(loss_scale, dtype, use_fsdp, **kwargs)
            if self.cast_dtype == torch.bfloat16:
                self.loss_scaler = type(self.loss_scaler)(enabled=False)
            return
        if use_fsdp:
            raise ValueError('use_fsdp=True needs an accelerator; this machine has none')
        if dtype not in _CPU_DTYPES:
            raise ValueError('without an accelerator, mixed precision runs in bfloat16: set dtype '
                             f"to None or 'bfloat16', or use OptimWrapper (got dtype={dtype!r})")
        OptimWrapper.__init__(self, **kwargs)
        self.cast_dtype = torch.bfloat16
        # Passes everything on as it is.
        self.loss_scaler, self._scale_update_param = GradScaler(enabled=False), None
        print_log('No accelerator: mixed precision runs on the CPU in bfloat16, without a loss '
                  f'scaler (loss_scale={loss_scale!r} and dtype={dtype!r} are not used).',
                  logger='current', level=logging.INFO)

    def state_dict(self) -> dict:
        state = super().state_dict()
        if not state['loss_scaler']:
            del state['loss_scaler']
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        if not (self.loss_scaler.is_enabled() and state_dict.get('loss_scaler')):
            state_dict = {key: value for key, value in state_dict.items() if key != 'loss_scaler'}
        super().load_state_dict(state_dict)
