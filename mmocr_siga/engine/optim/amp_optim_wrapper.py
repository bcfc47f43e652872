"""Mixed precision that also runs where there is no accelerator."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Optional, Union

import torch
from mmengine.device import (
    is_cuda_available,
    is_mlu_available,
    is_musa_available,
    is_npu_available,
)
from mmengine.logging import print_log
from mmengine.optim import AmpOptimWrapper as MMEngineAmpOptimWrapper
from mmengine.optim import OptimWrapper
from mmocr.registry import OPTIM_WRAPPERS
from torch import nn

from .optim_wrapper import DeferredNormMixin

_CPU_DTYPES = (None, 'float16', 'bfloat16', torch.float16, torch.bfloat16)


def has_accelerator() -> bool:
    """Whether MMEngine's own mixed precision can run on this machine."""
    return (is_cuda_available() or is_npu_available() or is_mlu_available()
            or is_musa_available())


@OPTIM_WRAPPERS.register_module()
class AmpOptimWrapper(DeferredNormMixin, MMEngineAmpOptimWrapper):
    """``AmpOptimWrapper`` of MMEngine, with a CPU fallback.

    MMEngine's class refuses to start without an accelerator, so a config for ``--amp`` cannot be
    tried on an ordinary machine. With an accelerator this class is MMEngine's, but for two things
    that would make the host wait for the device in every step: the norm of clipped gradients is
    read when it is logged, and there is no loss scaler in bfloat16, whose exponent has float32's
    range, so that gradients do not underflow. Without an accelerator it runs ``torch.autocast`` on
    the CPU in bfloat16, and ``loss_scale`` is ignored.

    Checkpoints go both ways: a run resumed on the CPU drops the saved scaler, a run resumed on an
    accelerator from a CPU checkpoint starts with a fresh one.

    Args:
        loss_scale (str or float or dict): As in MMEngine. Ignored on a CPU. Defaults to 'dynamic'.
        dtype (str or torch.dtype, optional): As in MMEngine. On a CPU float16 is replaced by
            bfloat16. Defaults to None.
        use_fsdp (bool): As in MMEngine; needs an accelerator. Defaults to False.
        **kwargs: Arguments of :class:`mmengine.optim.OptimWrapper` (``optimizer``, ``clip_grad``,
            ``accumulative_counts``).

    Raises:
        ValueError: If, without an accelerator, ``dtype`` is neither None, float16 nor bfloat16, or
            ``use_fsdp`` is set.
    """

    def __init__(self,
                 loss_scale: Union[str, float, dict] = 'dynamic',
                 dtype: Optional[Union[str, torch.dtype]] = None,
                 use_fsdp: bool = False,
                 **kwargs) -> None:
        self._on_cpu = not has_accelerator()
        if not self._on_cpu:
            super().__init__(loss_scale=loss_scale, dtype=dtype, use_fsdp=use_fsdp, **kwargs)
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
        print_log(
            'No accelerator: mixed precision runs on the CPU in bfloat16, without a loss scaler '
            f'(loss_scale={loss_scale!r} and dtype={dtype!r} are not used).',
            logger='current',
            level=logging.INFO)

    def backward(self, loss: torch.Tensor, **kwargs) -> None:
        """Back-propagate, through the loss scaler where there is one.

        Args:
            loss (Tensor): The loss of the current iteration, a scalar.
            **kwargs: Arguments of :meth:`torch.Tensor.backward`.
        """
        if self._on_cpu:
            OptimWrapper.backward(self, loss, **kwargs)
        else:
            super().backward(loss, **kwargs)

    def step(self, **kwargs) -> None:
        """Clip the gradients if asked to, and update the parameters.

        Args:
            **kwargs: Arguments of :meth:`torch.optim.Optimizer.step`.
        """
        if self._on_cpu:
            OptimWrapper.step(self, **kwargs)
        else:
            super().step(**kwargs)

    def state_dict(self) -> dict:
        """State of the optimizer, with the key ``loss_scaler`` only where there is a scaler."""
        return OptimWrapper.state_dict(self) if self._on_cpu else super().state_dict()

    def load_state_dict(self, state_dict: dict) -> None:
        """Load the state of an optimizer, with or without that of a loss scaler.

        Args:
            state_dict (dict): What :meth:`state_dict` returned here or on another machine.
        """
        if self._on_cpu:
            state_dict = {key: value for key, value in state_dict.items() if key != 'loss_scaler'}
            OptimWrapper.load_state_dict(self, state_dict)
        else:
            if not state_dict.get('loss_scaler'):  # saved in bfloat16: begin with a fresh one
                state_dict = {k: v for k, v in state_dict.items() if k != 'loss_scaler'}
            super().load_state_dict(state_dict)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Context of a training step: autocast, and no gradient synchronisation in between.

        Args:
            model (nn.Module): The model in training.
        """
        if not self._on_cpu:
            with super().optim_context(model):
                yield
            return
        with OptimWrapper.optim_context(self, model), torch.autocast('cpu', self.cast_dtype):
            yield
