"""Random colors of word images."""
from __future__ import annotations

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmocr.registry import TRANSFORMS

from .base import WordTransform, check_arguments
from .functional import check_uint8, color_jitter


@TRANSFORMS.register_module()
class RandomTextColor(WordTransform):
    """Change brightness, contrast, saturation and hue of a word image, ``img``.

    What torchvision's ``ColorJitter`` does, in a fixed order and with one pass over the image where
    it makes four. With probability ``prob`` factors are drawn evenly from [1 - x, 1 + x], x at most
    1, the hue from [-x, x] of a full turn, x at most one half. Place it after ``TextMask``.
    """

    def __init__(self, prob: float = 0.25, brightness: float = 0.5, contrast: float = 0.5,
                 saturation: float = 0.5, hue: float = 0.1) -> None:
        vars(self).update(prob=prob, brightness=brightness, contrast=contrast,
                          saturation=saturation, hue=hue)
        for name, value in vars(self).items():
            bound = 0.5 if name == 'hue' else 1
            check_arguments((name, value, 0 <= value <= bound, f'lie in [0, {bound}]'))

    @cache_randomness
    def _draw(self) -> list[float] | None:
        if np.random.rand() >= self.prob:
            return None
        reach = np.array([self.brightness, self.contrast, self.saturation, self.hue])
        return (np.array([1, 1, 1, 0]) + reach * np.random.uniform(-1, 1, 4)).tolist()

    def transform(self, results: dict) -> dict:
        factors = self._draw()
        if factors is not None:
            results['img'] = color_jitter(check_uint8(results['img']), *factors)
        return results
