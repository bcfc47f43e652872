from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from torch import Tensor, is_grad_enabled, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def recomputed(module: nn.Module, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Call a function of which only the inputs are kept; backward computes it once more.

    The module that it uses may hold batch norm, whose running statistics see a batch once, and
    nothing random.
    """
    if not (module.training and is_grad_enabled()):
        return function(*inputs)
    calls = []

    def run(*tensors: Tensor) -> Tensor:
        calls.append(None)
        if len(calls) == 1:
            return function(*tensors)
        with _statistics_kept(module):
            return function(*tensors)

    # Keeping the state of the random generator would make the host wait for the device.
    return checkpoint(run, *inputs, use_reentrant=False, preserve_rng_state=False)


@contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """Normalize by the batch without adding it to the running statistics."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm) and m.track_running_stats
             and m.training]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        # Not `track_running_stats = False`, with which autograd keeps other tensors.
        norm.momentum, norm.num_batches_tracked = 0., None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before):
            norm.momentum, norm.num_batches_tracked = momentum, count
