"""Words cut out of pictures along their regions, and the way back.

Places are (x, y) in pixels; 0 is the left or upper edge of the first pixel, whose center is at 0.5.
So an upright box that lies on whole numbers gives the pixels that slicing gives.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
import torch
from scipy.interpolate import LinearNDInterpolator

from .polygons import extent, is_vertical, resample_border, split_borders, turned_borders
from .tps import tps_matrix

__all__ = ['WordWarp', 'crop_word', 'reading_directions', 'word_warp']

# Least and greatest height of a crop without its margins, and its greatest width.
_HEIGHTS, _MAX_WIDTH = (32, 64), 1024
# Points of a spline on each border.
_CONTROL_POINTS = 8
# OpenCV's remap takes pictures up to this size.
_MOST_SIDE = 32_000
Borders = tuple[np.ndarray, np.ndarray]


class WordWarp(NamedTuple):
    """From a crop to its picture: a homography or, if that is None, a thin-plate spline."""
    size: tuple[int, int]  # width and height of the crop in pixels
    # Left, top, right and bottom of the word in the crop, inside of the margins.
    inner: tuple[float, float, float, float]
    homography: np.ndarray | None  # float64 (3, 3)
    # float64 (3K, 2), fiducial points in the picture: along the top border, the middle and the
    # bottom border.
    points: np.ndarray | None
    step: float  # pixels of the picture to one of the crop, across the word

    def inverse(self) -> Callable[[np.ndarray], np.ndarray]:
        """What tells where places (M, 2) of the picture are in the crop, float64 (M, 2). Of a
        spline it is found between places two pixels apart, and NaN outside of the word, where a
        spline may turn back."""
        if self.homography is not None:
            back = np.linalg.inv(self.homography)
            return lambda places: _moved(places, back)
        axes = [np.linspace(low, high, max(2, round((high - low) / 2) + 1))
                for low, high in np.reshape(self.inner, (2, 2)).T]
        grid = np.stack(np.meshgrid(*axes), -1).reshape(-1, 2)
        return LinearNDInterpolator(self.to_picture(grid), grid)

    def to_picture(self, places: np.ndarray) -> np.ndarray:
        """Where places (M, 2) of the crop are in the picture, float64 (M, 2)."""
        places = np.asarray(places, np.float64).reshape(-1, 2)
        if self.homography is not None:
            return _moved(places, self.homography)
        low, high = np.reshape(self.inner, (2, 2))
        places = (2 * places - low - high) / (high - low)
        matrix = tps_matrix(torch.from_numpy(places), len(self.points), rows=3)
        return matrix.numpy() @ self.points


def _moved(places: np.ndarray, homography: np.ndarray) -> np.ndarray:
    out = places @ homography[:, :2].T + homography[:, 2]
    return out[:, :2] / out[:, 2:]


def reading_directions(points: np.ndarray, ordered: bool = True,
                       vertical_ratio: float = 1.5) -> list[Borders]:
    """Ways in which a word may be read, as pairs of a top and a bottom border, the most likely one
    first: one, but three for words that are so high that they may run downwards or upwards, or be a
    narrow character that stands upright.

    Arguments are those of :func:`~mmocr_siga.geometry.polygons.split_borders`.
    """
    upright = split_borders(points, ordered, vertical_ratio)
    if ordered and not is_vertical(*upright, vertical_ratio):
        return [upright]
    top, bottom = split_borders(points, False, vertical_ratio)
    along = top[-1] - top[0] + bottom[-1] - bottom[0]
    if abs(along[1]) <= abs(along[0]):
        return [(top, bottom)]
    if not ordered:
        upright = turned_borders(top, bottom, upwards=along[1] > 0)
    return [(top, bottom), (bottom[::-1], top[::-1]), upright]


def word_warp(top: np.ndarray, bottom: np.ndarray,
              margin: tuple[float, float] = (0., 0.)) -> WordWarp:
    """Straighten a word: a perspective for a convex quad, a thin-plate spline for other regions.

    The crop is as high as the word, within 32 and 64 pixels, and as wide as its proportions ask
    for; words are compressed to 1024 pixels.

    Borders are (T, 2) and (B, 2) in reading order; ``margin`` is what is added before and after the
    word, and above and below it, as shares of its height.
    """
    wide, high = extent(top, bottom)
    inner_h = min(max(high, _HEIGHTS[0]), _HEIGHTS[1])
    inner_w = wide / max(high, 1e-6) * inner_h
    across, along = margin[1] * inner_h, margin[0] * inner_h
    size = (int(np.clip(round(inner_w + 2 * along), 1, _MAX_WIDTH)),
            max(round(inner_h + 2 * across), 1))
    # Rounding changes the word and its margins by the same factors.
    x, y = (size[0] / max(inner_w + 2 * along, 1e-6), size[1] / (inner_h + 2 * across))
    inner = (along * x, across * y, max((inner_w + along) * x, along * x + 1e-6),
             (inner_h + across) * y)
    step, quad = high / inner_h, len(top) == len(bottom) == 2
    homography = _homography(inner, np.concatenate([top, bottom[::-1]]), size) if quad else None
    if homography is not None:
        return WordWarp(size, inner, homography, None, step)
    top, bottom = (resample_border(b, 2 if quad else _CONTROL_POINTS) for b in (top, bottom))
    # Without a row in the middle the spline bulges at the ends of curved words.
    points = np.concatenate([top, (top + bottom) / 2, bottom])
    return WordWarp(size, inner, None, points, step)


def _homography(inner: tuple[float, ...], quad: np.ndarray,
                size: tuple[int, int]) -> np.ndarray | None:
    """The perspective that takes a box to a quad; None if it does not take all of the crop."""
    left, top, right, bottom = inner
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    sides = np.roll(quad, -1, 0) - quad
    turns = np.linalg.det(np.stack([sides, np.roll(sides, -1, 0)], 1))
    if not (turns > 1e-9 * (sides ** 2).sum()).all():
        return None
    # Close to the origin, for the sake of precision.
    center = quad.mean(0)
    matrix = cv2.getPerspectiveTransform(np.float32(corners), np.float32(quad - center))
    edge = np.array([[0, 0, 1], [size[0], 0, 1], [size[0], size[1], 1], [0, size[1], 1]])
    if (edge @ matrix[2]).min() < 0.1 * (edge @ matrix[2]).max():
        # The horizon of a wedge is near: margins would show what is far away from the word.
        return None
    return np.array([[1, 0, center[0]], [0, 1, center[1]], [0, 0, 1]]) @ matrix


def crop_word(image: np.ndarray, warp: WordWarp) -> np.ndarray:
    """Cut a word out of a picture, uint8 (H, W) or (H, W, C); beyond it its border goes on.

    Raises:
        ValueError: If nothing of the word lies in the picture.
    """
    width, height = warp.size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    grid = warp.to_picture(np.stack([x.ravel(), y.ravel()], 1))
    bounds = np.array(image.shape[1::-1], np.float64)
    low = np.clip(np.floor(grid.min(0)) - 2, 0, bounds).astype(int)
    high = np.clip(np.ceil(grid.max(0)) + 2, 0, bounds).astype(int)
    if (high <= low).any():
        raise ValueError('nothing of the word lies in the picture')
    part = image[low[1]:high[1], low[0]:high[0]]
    sides = np.array(part.shape[1::-1])
    factor = max(warp.step if warp.step >= 1.5 else 1., sides.max() / _MOST_SIDE)
    if factor > 1:
        small = np.maximum(np.round(sides / factor), 1).astype(int)
        part = cv2.resize(part, tuple(small.tolist()), interpolation=cv2.INTER_AREA)
    grid = ((grid - low) * (np.array(part.shape[1::-1]) / sides) - 0.5).astype(np.float32)
    grid = grid.reshape(height, width, 2)
    return cv2.remap(part, grid[..., 0], grid[..., 1], cv2.INTER_LINEAR if warp.step >= 1 else
                     cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
