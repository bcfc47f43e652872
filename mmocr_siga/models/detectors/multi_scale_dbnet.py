from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import InstanceData
from mmocr.models.textdet.detectors import DBNet
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from torch import Tensor
from torch.nn import functional as F

from ...geometry.levels import Level, merge_levels, useful_reductions


@MODELS.register_module()
class MultiScaleDBNet(DBNet):
    """DBNet (Liao et al., AAAI 2020) that looks at smaller copies of a picture, too, when it does
    not train: a network whose training pictures had small words finds no word that fills the
    picture.

    Args:
        reductions: By how much the copies are smaller, divisors of 32; copies with no side of 64
            pixels are not looked at. Twice and four times smaller ones have a third of its pixels.
        kwargs: As DBNet's.

    The way in which the sizes are brought together is ours: :func:`~.geometry.levels.merge_levels`.
    """

    def __init__(self, *args: Any, reductions: Sequence[int] = (2, 4), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if any(reduction < 2 or 32 % reduction for reduction in reductions):
            raise ValueError(f'reductions must be divisors of 32, but are {tuple(reductions)}')
        self.reductions = tuple(reductions)

    def predict(self, inputs: Tensor,
                data_samples: Sequence[TextDetDataSample]) -> Sequence[TextDetDataSample]:
        """Find words in pictures (N, 3, H, W)."""
        found = [[_level(sample)] for sample in super().predict(inputs, data_samples)]
        for reduction in useful_reductions(*inputs.shape[2:], self.reductions):
            copies = [TextDetDataSample(metainfo=dict(
                scale_factor=tuple(factor / reduction for factor in sample.scale_factor)))
                for sample in data_samples]
            small = super().predict(reduced(inputs, reduction), copies)
            for levels, sample in zip(found, small):
                levels.append(_level(sample))
        for sample, levels in zip(data_samples, found):
            polygons, scores = merge_levels(levels)
            sample.pred_instances = InstanceData(polygons=polygons, scores=torch.tensor(scores))
        return data_samples


def reduced(pictures: Tensor, reduction: int) -> Tensor:
    """Means of squares of pixels of normalized pictures (N, C, H, W), whose sides are multiples of
    32, as are the sides of what comes out."""
    small = F.avg_pool2d(pictures, reduction)
    return F.pad(small, (0, -small.shape[3] % 32, 0, -small.shape[2] % 32))


def _level(sample: TextDetDataSample) -> Level:
    instances = sample.pred_instances
    return Level(instances.polygons, instances.scores.tolist(), min(sample.scale_factor))
