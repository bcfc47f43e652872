"""The attention of any recogniser whose tap is known, for pictures and measurements."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from mmengine.model import BaseModule
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.structures import TextRecogDataSample
from torch import Tensor, nn

from .base import HostView
from .sites import recorded
from .taps import ModuleTap, tap_for


@torch.no_grad()
def teacher_forced_attention(recognizer: BaseModule, inputs: Tensor,
                             data_samples: Sequence[TextRecogDataSample],
                             tap: ModuleTap | None = None) -> Tensor:
    """Where a recogniser looks while it is told the word.

    Nothing is dropped and no statistics are updated: all but the decoding itself runs as in
    reading.

    Args:
        recognizer (BaseModule): An MMOCR recogniser, plugged or not.
        inputs (Tensor): Normalised images (N, C, H, W).
        data_samples (Sequence[TextRecogDataSample]): N samples with their labels.
        tap (ModuleTap, optional): Where its attention is. Defaults to None: known by its decoder.

    Returns:
        Tensor: (N, T, h, w), step t reading character t.
    """
    tap = tap or tap_for(recognizer)
    host = HostView(recognizer, tap, inputs, data_samples)
    with _teacher_forced(recognizer), recorded(recognizer, tap.paths(True), host.calls):
        recognizer.loss(inputs, data_samples)
    return host.attention


@contextmanager
def _teacher_forced(recognizer: nn.Module) -> Iterator[None]:
    """All in evaluation mode but the decoders themselves, whose mode chooses what they do."""
    modes = {module: module.training for module in recognizer.modules()}
    try:
        recognizer.eval()
        for module in modes:
            if isinstance(module, BaseDecoder):
                # Not train(), which would reach the dropout inside.
                module.training = True
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
