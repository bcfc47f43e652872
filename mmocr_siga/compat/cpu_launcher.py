"""Several processes on a machine without an accelerator.

MMEngine's launcher asks CUDA for a device whatever the backend, and hands CPU models to
``DistributedDataParallel`` with a device number, which it refuses. Both are put right here, and
only where there is no accelerator.
"""
from __future__ import annotations

import functools
import logging
from typing import Any

import torch
from mmengine.dist import utils as dist_utils
from mmengine.logging import print_log
from mmengine.model import MMDistributedDataParallel
from torch import nn

from ..engine.optim.amp_optim_wrapper import has_accelerator


def enable_cpu_launcher() -> bool:
    """Let ``--launcher pytorch`` train on CPUs. Safe to call more than once.

    Returns:
        bool: Whether anything was changed; False where there is an accelerator.
    """
    if has_accelerator() or hasattr(MMDistributedDataParallel, 'trains_on_cpu'):
        return False
    dist_utils._init_dist_pytorch = _init_process_group
    initialise = MMDistributedDataParallel.__init__

    @functools.wraps(initialise)
    def without_devices(self: nn.Module, module: nn.Module, *args: Any, **kwargs: Any) -> None:
        if all(parameter.device.type == 'cpu' for parameter in module.parameters()):
            kwargs.pop('device_ids', None)
        initialise(self, module, *args, **kwargs)

    MMDistributedDataParallel.__init__ = without_devices
    MMDistributedDataParallel.trains_on_cpu = True
    return True


def _init_process_group(backend: str, init_backend: str = 'torch', **kwargs: Any) -> None:
    """Join the processes by gloo, the backend for CPUs."""
    if init_backend != 'torch':
        raise ValueError(f'without an accelerator init_backend must be torch, got {init_backend!r}')
    if backend == 'nccl':
        print_log('no accelerator: using the gloo backend instead of nccl', logger='current',
                  level=logging.WARNING)
        backend = 'gloo'
    torch.distributed.init_process_group(backend=backend, **kwargs)
