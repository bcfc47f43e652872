"""Logged values that training does not wait for."""
from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub
from torch import Tensor

_MOST_PENDING = 1000


def _flushed(name: str) -> property:
    """An attribute before the reading of which what is pending is added."""
    def get(history: DeferredHistory) -> np.ndarray:
        history._flush()
        return vars(history)[name]

    return property(get, lambda history, values: vars(history).update({name: values}))


class DeferredHistory(HistoryBuffer):
    """A history that takes tensors, and reads them when somebody reads the history.

    MMEngine turns every loss of every step into a number at once, for which the host waits. Here
    the values stay on the device until the log is written, and are read together. Statistics and
    what is stored in a checkpoint are those of MMEngine's buffer.
    """

    def __init__(self, history: HistoryBuffer | None = None) -> None:
        self._pending: list[Tensor] = []
        super().__init__(*(([], []) if history is None else history.data))

    def update(self, log_val: int | float | Tensor, count: int = 1) -> None:
        """Add a value; a tensor has one element, and counts once."""
        if not isinstance(log_val, Tensor):
            self._flush()
            super().update(log_val, count)
            return
        self._pending.append(log_val.detach().float().reshape(()))
        if len(self._pending) >= _MOST_PENDING:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            values = torch.stack(self._pending).tolist()
            self._pending = []
            self._read = np.append(self._read, values)[-self.max_length:]
            self._counts = np.append(self._counts, np.ones(len(values)))[-self.max_length:]

    # MMEngine's methods read and write these two attributes.
    _log_history, _count_history = _flushed('_read'), _flushed('_counts')

    def __reduce_ex__(self, protocol: int) -> Any:
        # Checkpoints hold MMEngine's class, which can be read without this package.
        return HistoryBuffer, (*self.data, self.max_length)


def update_later(hub: MessageHub, key: str, value: Tensor) -> None:
    """``hub.update_scalar(key, value)`` that waits for the device the first time only."""
    history = hub.log_scalars.get(key)
    if history is None:
        hub.update_scalar(key, value)
        return
    if not isinstance(history, DeferredHistory):  # a new one, or one of a checkpoint
        history = hub.log_scalars[key] = DeferredHistory(history)
    history.update(value)
