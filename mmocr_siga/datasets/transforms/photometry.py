"""What happens to the pixels of a word image, each in its place, as pure functions.

Images are uint8 (H, W, 3) in BGR order and keep their shape. ``rng`` decides what is drawn pixel by
pixel.
"""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from ...images import encode_picture

__all__ = ['directed_edges', 'drop_pixels', 'emboss', 'filtered', 'jpeg', 'laplace_noise',
           'mixed_with', 'multiply_pixels', 'poisson_noise', 'salt_and_pepper', 'scale_contrast',
           'sharpen', 'solarize']

EDGES = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)
CONTOUR = np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], np.float32)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def laplace_noise(img: np.ndarray, scale: float, rng: Generator) -> np.ndarray:
    """Add noise of the density ``exp(-|x| / scale) / (2 scale)``."""
    return _rounded(img + rng.laplace(0, scale, img.shape))


def poisson_noise(img: np.ndarray, mean: float, rng: Generator) -> np.ndarray:
    """Add or subtract Poisson counts of a mean, each with one half of the probability."""
    sign = 2 * rng.integers(0, 2, img.shape) - 1
    return _rounded(img + sign * rng.poisson(mean, img.shape))


def multiply_pixels(img: np.ndarray, low: float, high: float, rng: Generator) -> np.ndarray:
    """Multiply each pixel by a factor of its own."""
    return _rounded(img * rng.uniform(low, high, (*img.shape[:2], 1)))


def drop_pixels(img: np.ndarray, share: float, cell: int, rng: Generator) -> np.ndarray:
    """Blacken a share of the squares of ``cell`` pixels."""
    return np.where(_cells(img, share, cell, rng), np.uint8(0), img)


def salt_and_pepper(img: np.ndarray, share: float, cell: int, values: Sequence[int],
                    rng: Generator, by_channel: bool = False) -> np.ndarray:
    """Replace a share of the squares of ``cell`` pixels by one of the ``values``."""
    shape = img.shape if by_channel else (*img.shape[:2], 1)
    grain = rng.choice(np.array(values, np.uint8), shape)
    if cell > 1:
        grain = _enlarged(grain[::cell, ::cell], img)
    return np.where(_cells(img, share, cell, rng, by_channel), grain, img)


def _cells(img: np.ndarray, share: float, cell: int, rng: Generator,
           by_channel: bool = False) -> np.ndarray:
    height, width, channels = img.shape
    coarse = (-(-height // cell), -(-width // cell), channels if by_channel else 1)
    return _enlarged((rng.random(coarse) < share).astype(np.uint8), img) > 0


def _enlarged(cells: np.ndarray, img: np.ndarray) -> np.ndarray:
    height, width = img.shape[:2]
    if cells.shape[:2] == (height, width):
        return cells
    cell = -(-height // cells.shape[0])
    return cells.repeat(cell, 0).repeat(cell, 1)[:height, :width]


def solarize(img: np.ndarray, threshold: int) -> np.ndarray:
    """Invert what is as bright as the threshold, or brighter."""
    return np.where(img >= threshold, 255 - img, img)


def jpeg(img: np.ndarray, quality: int) -> np.ndarray:
    """What JPEG of a quality from 1 to 100 leaves."""
    return cv2.imdecode(np.frombuffer(encode_picture(img, '.jpg', quality), np.uint8),
                        cv2.IMREAD_COLOR)


def mixed_with(img: np.ndarray, other: np.ndarray, alpha: float) -> np.ndarray:
    """``(1 - alpha) img + alpha other``."""
    return cv2.addWeighted(img, 1 - alpha, other, alpha, 0)


def filtered(img: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """A linear filter whose results are clipped; edges are reflected."""
    return cv2.filter2D(img, -1, kernel)


def emboss(img: np.ndarray, strength: float) -> np.ndarray:
    """Light from the upper left."""
    return filtered(img, np.array([[-1 - strength, -strength, 0], [-strength, 1, strength],
                                   [0, strength, 1 + strength]], np.float32))


def directed_edges(img: np.ndarray, angle: float) -> np.ndarray:
    """Edges that rise in a direction, in degrees: 0 downwards, 90 to the right."""
    turn = np.radians(angle)
    y, x = np.mgrid[-1:2, -1:2]
    length = np.hypot(x, y)
    weights = np.maximum(0, (x * np.sin(turn) + y * np.cos(turn)) / np.maximum(length, 1)) ** 2
    weights[1, 1] = 0
    kernel = weights / weights.sum()
    kernel[1, 1] = -1
    return filtered(img, kernel.astype(np.float32))


def sharpen(img: np.ndarray, amount: float) -> np.ndarray:
    """Add ``amount`` times what a 3x3 mean leaves out."""
    return cv2.addWeighted(img, 1 + amount, cv2.blur(img, (3, 3)), -amount, 0)


def scale_contrast(img: np.ndarray, factor: float, gamma: float) -> np.ndarray:
    """A power of the gray values, then their distance to the middle times a factor."""
    levels = 255 * (np.arange(256) / 255) ** gamma
    return cv2.LUT(img, _rounded(127.5 + factor * (levels - 127.5)))
