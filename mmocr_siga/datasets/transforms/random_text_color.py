"""Random colours of word images."""
from __future__ import annotations

from typing import NamedTuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmocr.registry import TRANSFORMS

from .functional import colour_jitter

__all__ = ['ColourParams', 'RandomTextColor', 'check_uint8']


def check_uint8(img: np.ndarray) -> np.ndarray:
    """The image itself, if it is one that photometric transforms take.

    Raises:
        ValueError: If it is not uint8 with one or three channels.
    """
    if img.dtype != np.uint8 or img.ndim not in (2, 3) or img.shape[2:] not in ((), (1, ), (3, )):
        raise ValueError('expected a uint8 image with one or three channels, but its shape is '
                         f'{img.shape} and its dtype {img.dtype}; put EnsureBGR after loading')
    return img


class ColourParams(NamedTuple):
    """What is done to one image, see :func:`.functional.colour_jitter`."""
    brightness: float
    contrast: float
    saturation: float
    hue: float


@TRANSFORMS.register_module()
class RandomTextColor(BaseTransform):
    """Change brightness, contrast, saturation and hue of a word image.

    What torchvision's ``ColorJitter`` does, in a fixed order and with one pass over the image
    where it makes four. Factors are drawn evenly from [1 - x, 1 + x], the hue from [-x, x] of a
    full turn. Place it after ``TextMask``.

    Required Keys:

    - img (uint8 BGR or grey)

    Modified Keys:

    - img

    Args:
        prob (float): Probability of changing an image. Defaults to 0.25.
        brightness (float): Largest change of the factor, at most 1. Defaults to 0.5.
        contrast (float): Likewise. Defaults to 0.5.
        saturation (float): Likewise. Defaults to 0.5.
        hue (float): Largest turn of the hue, at most one half. Defaults to 0.1.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 prob: float = 0.25,
                 brightness: float = 0.5,
                 contrast: float = 0.5,
                 saturation: float = 0.5,
                 hue: float = 0.1) -> None:
        bounds = dict(prob=(prob, 1), brightness=(brightness, 1), contrast=(contrast, 1),
                      saturation=(saturation, 1), hue=(hue, 0.5))
        for name, (value, bound) in bounds.items():
            if not 0 <= value <= bound:
                raise ValueError(f'{name} must lie in [0, {bound}], but is {value}')
        self.prob = prob
        self.brightness = brightness
        self.contrast = contrast
        self.saturation = saturation
        self.hue = hue

    @cache_randomness
    def _draw(self) -> ColourParams | None:
        if np.random.rand() >= self.prob:
            return None
        reach = np.array([self.brightness, self.contrast, self.saturation, self.hue])
        drawn = np.array([1, 1, 1, 0]) + reach * np.random.uniform(-1, 1, 4)
        return ColourParams(*drawn.tolist())

    def transform(self, results: dict) -> dict:
        """Change the colours.

        Args:
            results (dict): Results with ``img``.

        Returns:
            dict: The same.

        Raises:
            ValueError: If the image is not uint8 with one or three channels.
        """
        params = self._draw()
        if params is not None:
            results['img'] = colour_jitter(check_uint8(results['img']), *params)
        return results

    def __repr__(self) -> str:
        return (f'{self.__class__.__name__}(prob={self.prob}, brightness={self.brightness}, '
                f'contrast={self.contrast}, saturation={self.saturation}, hue={self.hue})')
