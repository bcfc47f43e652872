from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.models.textrecog.decoders import BaseDecoder
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..utils.feature_hooks import FeatureHooks, evaluating, recorded
from .base import ForwardPass
from .mmocr_hooks import feature_hooks_of


@torch.no_grad()
def teacher_forced_attention(recognizer: BaseModule, inputs: Tensor,
                             data_samples: Sequence[TextRecogDataSample],
                             hooks: FeatureHooks | None = None) -> Tensor:
    """Where a recognizer looks while it is told the word, for pictures and measurements.

    Nothing is dropped and no statistics are updated: all but the decoding itself runs as in
    reading. Of normalized images (N, C, H, W) with labels it gives (N, T, h, w), step t reading
    character t. Without ``hooks`` they are those of the decoder.
    """
    hooks = hooks or feature_hooks_of(recognizer)
    run = ForwardPass(recognizer, hooks, inputs, data_samples)
    with evaluating(recognizer), recorded(recognizer, hooks.paths(True), run.calls):
        for module in recognizer.modules():
            if isinstance(module, BaseDecoder):
                # Its mode chooses what it does. Not train(), which would reach the dropout inside.
                module.training = True
        recognizer.loss(inputs, data_samples)
    return run.attention
