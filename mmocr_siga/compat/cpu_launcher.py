"""Several processes on a machine without an accelerator.

MMEngine's launcher asks CUDA for a device whatever the backend, and hands CPU models to
``DistributedDataParallel`` with a device number, which it refuses.
"""
from __future__ import annotations

import functools
import logging
from types import ModuleType
from typing import Any


def has_accelerator() -> bool:
    """Whether MMEngine's own launcher and mixed precision can run on this machine."""
    from mmengine import device
    return any(getattr(device, f'is_{kind}_available')() for kind in ('cuda', 'npu', 'mlu', 'musa'))


def join_by_gloo(dist_utils: ModuleType) -> None:
    """Without an accelerator let ``--launcher pytorch`` join the processes by gloo."""
    join = dist_utils._init_dist_pytorch

    @functools.wraps(join)
    def join_or_gloo(backend: str, init_backend: str = 'torch', **kwargs: Any) -> None:
        if has_accelerator():
            join(backend, init_backend=init_backend, **kwargs)
            return
        if init_backend != 'torch':
            raise ValueError('without an accelerator init_backend must be torch, '
                             f'got {init_backend!r}')
        if backend == 'nccl':
            from mmengine.logging import print_log
            print_log('no accelerator: gloo takes the place of nccl', 'current', logging.WARNING)
            backend = 'gloo'
        dist_utils.torch_dist.init_process_group(backend=backend, **kwargs)

    dist_utils._init_dist_pytorch = join_or_gloo


def wrap_without_devices(distributed: ModuleType) -> None:
    """Let ``MMDistributedDataParallel`` take models on the CPU, whatever device it is told."""
    wrapper = distributed.MMDistributedDataParallel
    initialize = wrapper.__init__

    @functools.wraps(initialize)
    def without_devices(self: Any, module: Any, *args: Any, **kwargs: Any) -> None:
        if all(parameter.device.type == 'cpu' for parameter in module.parameters()):
            kwargs.pop('device_ids', None)
        initialize(self, module, *args, **kwargs)

    wrapper.__init__ = without_devices
