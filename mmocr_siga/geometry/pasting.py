"""What was changed in the crop of a word, brought back into its picture."""
from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from shapely import Polygon, contains_xy, prepare

from .crops import WordWarp

__all__ = ['WordLayers', 'paste_word']

_TILE = 1024  # pixels on a side that are computed at a time
# Pixels of the crop on which an edit fades in from the border of its region.
_FADE = 1.5


class WordLayers(NamedTuple):
    """What lies over a word, at the resolution of a network, float32; colors are in [0, 255]."""
    board: np.ndarray  # (h, w, 3), what is behind the text
    paint: np.ndarray  # (h, w, 3), the color of the new text
    coverage: np.ndarray  # (h, w), share of the new text in [0, 1]
    removed: np.ndarray  # (h, w), share in [0, 1] to which the picture makes way for the board

    def reduced(self, x: float, y: float) -> WordLayers:
        """Smaller by factors, for pictures of fewer pixels; larger they never become."""
        height, width = self.coverage.shape
        size = max(1, round(width * min(x, 1))), max(1, round(height * min(y, 1)))
        return WordLayers(*(cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in self))

    def over(self, part: np.ndarray, x: np.ndarray, y: np.ndarray,
             share: np.ndarray) -> np.ndarray:
        """A part of a picture, uint8 (H, W, 3), under the layers, whose places (H, W) are given; to
        a share (H, W) of them."""
        board, paint, coverage, removed = (
            cv2.remap(each, x, y, method, borderMode=cv2.BORDER_REPLICATE)
            for each, method in zip(self, (cv2.INTER_CUBIC, ) * 2 + (cv2.INTER_LINEAR, ) * 2))
        coverage, removed = (coverage * share)[..., None], (removed * share)[..., None]
        behind = removed * board + (1 - removed) * part
        return np.clip(np.rint(coverage * paint + (1 - coverage) * behind), 0, 255).astype(np.uint8)


def paste_word(image: np.ndarray, layers: WordLayers, warp: WordWarp,
               outline: np.ndarray | None = None) -> np.ndarray:
    """Lay an edited word over its picture, uint8 BGR (H, W, 3); gives a new one.

    Colors and shares are enlarged to the resolution of the picture, so that what is not covered
    keeps its sharpness. Pixels whose shares are 0, and all whose center is not within ``outline``
    (P, 2), keep their values; towards its border the edit fades out. None is the whole picture,
    where nothing fades.
    """
    out, inverse = image.copy(), warp.inverse()
    width, height = warp.size
    layers = layers.reduced(*_scale(warp, layers.coverage.shape))
    rows, columns = layers.coverage.shape
    shape = None if outline is None else Polygon(outline)
    if shape is not None:
        prepare(shape)
    for part in _tiles(image, outline):
        y, x = (axis.astype(np.float64) + 0.5 for axis in np.mgrid[part])
        inside = np.ones(x.shape, bool) if shape is None else contains_xy(shape, x, y)
        places = inverse(np.stack([x.ravel(), y.ravel()], 1)).reshape(*x.shape, 2)
        inside &= np.isfinite(places).all(2)
        share = inside if shape is None else inside * _faded(places, warp)
        places = np.where(inside[..., None], places, 0) * (columns / width, rows / height) - 0.5
        out[part] = layers.over(out[part], *np.moveaxis(places.astype(np.float32), 2, 0),
                                share.astype(np.float32))
    return out


def _scale(warp: WordWarp, size: tuple[int, int]) -> tuple[float, float]:
    """Pixels of the picture to one of layers of that height and width, along and across."""
    left, top, right, bottom = warp.inner
    middle = np.stack([np.linspace(left, right, 9), np.full(9, (top + bottom) / 2)], 1)
    long = np.hypot(*np.diff(warp.to_picture(middle), axis=0).T).sum()
    return (long / (right - left) * warp.size[0] / size[1], warp.step * warp.size[1] / size[0])


def _tiles(image: np.ndarray, outline: np.ndarray | None) -> Iterator[tuple[slice, slice]]:
    low, high = np.zeros(2, int), np.array(image.shape[1::-1])
    if outline is not None:
        low, high = (np.clip(edge, 0, high).astype(int) for edge in (
            np.floor(outline.min(0)), np.ceil(outline.max(0))))
    for top in range(low[1], high[1], _TILE):
        for left in range(low[0], high[0], _TILE):
            yield (slice(top, min(top + _TILE, high[1])), slice(left, min(left + _TILE, high[0])))


def _faded(places: np.ndarray, warp: WordWarp) -> np.ndarray:
    """1 within the word, 0 from its border on."""
    left, top, right, bottom = warp.inner
    x, y = np.moveaxis(places, 2, 0)
    distance = np.minimum.reduce([x - left, right - x, y - top, bottom - y])
    return np.nan_to_num(np.clip(distance / _FADE, 0, 1))
