"""Pictures of what is drawn of a few scenes, as a pre-training goes on."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmocr.registry import HOOKS
from torch import nn

from mmocr_siga.models.target_generators.text_masks import denormalized
from mmocr_siga.visualization import draw_destylised

from .glyph_visualization_hook import GlyphVisualizationHook


@HOOKS.register_module()
class DestylisationVisualizationHook(GlyphVisualizationHook):
    """Every so many iterations, draw how ``ODMPretrainer`` draws the same few scenes: the picture,
    the prompt, the target and the output, under the names ``odm_0``, ``odm_1``, ...

    Args:
        enable, interval, num_words, indices, split: As of ``GlyphVisualizationHook``; ``num_words``
            are scenes, by default of the training data.
    """

    def __init__(self, enable: bool = True, interval: int = 500, num_words: int = 4,
                 split: str = 'train', **options: Any) -> None:
        super().__init__(enable, interval, num_words, split=split, **options)

    def before_run(self, runner: Any) -> None:
        """There is nothing to read."""

    def _sheets(self, model: nn.Module, data: dict) -> Iterator[tuple[str, np.ndarray]]:
        pictures = denormalized(data['inputs'], model.data_preprocessor)
        if model.data_preprocessor._channel_conversion:
            pictures = pictures.flip(1)
        pictures = pictures.round().byte().permute(0, 2, 3, 1).cpu().numpy()
        with torch.no_grad():
            samples = model(**data, mode='predict')
        for i, (picture, sample) in enumerate(zip(pictures, samples)):
            height, width = sample.img_shape[:2]
            target = sample.gt_plain.ink[0].cpu().numpy() if 'gt_plain' in sample else None
            yield f'odm_{i}', draw_destylised(
                picture[:height, :width], sample.prompt.texts, sample.prompt.decoys,
                sample.pred_plain.ink[0].float().cpu().numpy(), target)
