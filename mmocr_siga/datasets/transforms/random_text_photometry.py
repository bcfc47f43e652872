"""Strong random photometry of word images."""
from __future__ import annotations

from typing import Callable

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmocr.registry import TRANSFORMS
from numpy.random import Generator

from . import photometry as change
from .base import WordTransform, check_arguments
from .functional import (
    check_uint8,
    color_jitter,
    gaussian_noise,
    motion_blur,
    rescale_and_back,
    shift_hue,
)

Change = Callable[[np.ndarray, Generator], np.ndarray]
BLACK_WHITE = (0, 255)


def _drop_channel(img: np.ndarray, rng: Generator) -> np.ndarray:
    return img * (np.arange(3) != rng.integers(3)).astype(np.uint8)


def _blended(effect: Callable[[np.ndarray, Generator], np.ndarray]) -> Change:
    return lambda img, rng: change.mixed_with(img, effect(img, rng), rng.uniform(0.1, 0.6))


def _grains(cell: int, values: tuple[int, ...]) -> Change:
    return lambda img, rng: change.salt_and_pepper(img, rng.uniform(0.02, 0.1), cell, values, rng)


# One of these, all equally often.
PIXELS: dict[str, Change] = {
    'gaussian': lambda img, rng: gaussian_noise(img, rng.uniform(5, 40), int(rng.integers(2**31))),
    'laplace': lambda img, rng: change.laplace_noise(img, rng.uniform(4, 28), rng),
    'poisson': lambda img, rng: change.poisson_noise(img, rng.uniform(5, 40), rng),
    'multiply': lambda img, rng: change.multiply_pixels(img, 0.5, 1.5, rng),
    'dropout': lambda img, rng: change.drop_pixels(img, rng.uniform(0.02, 0.1), 1, rng),
    'coarse dropout': lambda img, rng: change.drop_pixels(img, rng.uniform(0.02, 0.1), 4, rng),
    'channel dropout': _drop_channel,
    'impulse': lambda img, rng: change.salt_and_pepper(
        img, rng.uniform(0.02, 0.1), 1, range(256), rng, by_channel=True),
    'salt and pepper': _grains(1, BLACK_WHITE),
    'coarse salt and pepper': _grains(3, BLACK_WHITE),
    'salt': _grains(1, (255, )),
    'coarse salt': _grains(3, (255, )),
    'pepper': _grains(1, (0, )),
    'coarse pepper': _grains(3, (0, )),
    'invert': lambda img, rng: 255 - img,
    'solarize': lambda img, rng: change.solarize(img, int(rng.integers(32, 129))),
    'jpeg': lambda img, rng: change.jpeg(img, int(rng.integers(10, 60))),
    'emboss': _blended(lambda img, rng: change.emboss(img, rng.uniform(0.3, 1.5))),
    'edges': _blended(lambda img, rng: change.filtered(img, change.EDGES)),
    'directed edges': _blended(lambda img, rng: change.directed_edges(img, rng.uniform(0, 360))),
    'contour': _blended(lambda img, rng: 255 - change.filtered(img, change.CONTOUR)),
}


def _color(img: np.ndarray, rng: Generator) -> np.ndarray:
    kind = rng.integers(4)
    if kind == 0:
        return shift_hue(img, rng.uniform(-0.2, 0.2))
    if kind == 1:
        return color_jitter(img, saturation=rng.uniform(0, 2))
    if kind == 2:
        return np.ascontiguousarray(img[..., rng.permutation(3)])
    shift = np.array([*rng.uniform(-40, 40, 3), 0])
    return cv2.add(img, shift)


def _blur_or_sharpen(img: np.ndarray, rng: Generator) -> np.ndarray:
    kind = rng.integers(5)
    if kind == 0:
        return cv2.GaussianBlur(img, (0, 0), rng.uniform(0.3, 1.5))
    if kind == 1:
        return cv2.medianBlur(img, 3)
    if kind == 2:
        return motion_blur(img, rng.uniform(2, 6), rng.uniform(0, 180))
    if kind == 3:
        return rescale_and_back(img, rng.uniform(1.2, 2.5))
    return change.sharpen(img, rng.uniform(0.5, 2))


def _contrast(img: np.ndarray, rng: Generator) -> np.ndarray:
    return change.scale_contrast(img, rng.uniform(0.5, 1.5), float(np.exp(rng.uniform(-.6, .6))))


@TRANSFORMS.register_module()
class RandomTextPhotometry(WordTransform):
    """Change the pixels of a BGR word image ``img`` strongly, each in its place (CCD, ICCV 2023).

    With probability ``prob`` one of 21 operations of pixels (noises, dropouts, salt and pepper,
    inversion, JPEG, edges ...), then colors, blur or sharpening, and contrast, each of the four
    with probability ``stage_prob``. Lengths are in pixels of the image it gets: place it after
    resizing.
    """

    def __init__(self, prob: float = 0.8, stage_prob: float = 0.7) -> None:
        check_arguments(('prob', prob, 0 <= prob <= 1, 'lie in [0, 1]'),
                        ('stage_prob', stage_prob, 0 <= stage_prob <= 1, 'lie in [0, 1]'))
        self.prob, self.stage_prob = prob, stage_prob

    @cache_randomness
    def _draw(self) -> tuple[list[Change], int]:
        """What is done, and a seed for it."""
        if np.random.rand() >= self.prob:
            return [], 0
        pixels = list(PIXELS.values())[np.random.randint(len(PIXELS))]
        stages = (pixels, _color, _blur_or_sharpen, _contrast)
        return ([stage for stage in stages if np.random.rand() < self.stage_prob],
                np.random.randint(2**31))

    def transform(self, results: dict) -> dict:
        img = check_uint8(results['img'], colored=True)
        stages, seed = self._draw()
        rng = np.random.default_rng(seed)
        for stage in stages:
            img = stage(img, rng)
        results['img'] = img
        return results
