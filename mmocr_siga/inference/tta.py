"""Test-time augmentation: other views of a word's picture, turned, slanted, closer and wider.

A recognizer that is unsure of a word is often sure of it from another side. All views are affine,
so what is found in one can be taken back to the picture. Coordinates are pixels from the upper left
corner of the upper left pixel.
"""
from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import NamedTuple

import cv2
import numpy as np

from ..structures.results import WordResult

__all__ = ['View', 'better_result', 'shrunk', 'taken_back', 'views']

ANGLE = 16  # degrees
SLANT = 0.3  # columns a row
CLOSER = 0.06, 0.16  # shares of width and height that are cut off
WIDER = 0.24  # share of the height that is added to both sides
TALL = 1.5  # height to width, from where on a word may be written downwards
# Of what is read later at some tens of pixels; warping more takes time.
LONGEST = 512


class View(NamedTuple):
    """A way to look at a picture."""
    name: str
    matrix: np.ndarray  # float64 (2, 3), from the picture to what is seen

    @property
    def level(self) -> bool:
        """Whether writing that is level in the picture is nearly so in the view."""
        return abs(self.matrix[0, 0]) > abs(self.matrix[0, 1])

    def shares(self, size: tuple[int, int], seen: tuple[int, int]) -> np.ndarray:
        """The matrix between shares of width and height, of those of picture and view."""
        return self.matrix * [*size, 1] / np.reshape(seen, (2, 1))

    def boxes_back(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Bounds in a picture of the given size of boxes (L, 4): x1, y1, x2, y2."""
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        inverse = cv2.invertAffineTransform(self.matrix)
        points = corners @ inverse[:, :2].T + inverse[:, 2]
        return np.concatenate([points.min(1), points.max(1)], 1).clip(0, [*size, *size])

    def mask_back(self, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """A mask of what is seen as one of a picture of the given size; 0 where nothing is seen."""
        return cv2.warpAffine(mask, _between_centers(self.matrix), size,
                              flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)


def shrunk(image: np.ndarray, longest: int = LONGEST) -> np.ndarray:
    """A picture, or a copy of at most so many pixels a side of a larger one."""
    height, width = image.shape[:2]
    share = longest / max(height, width)
    if share >= 1:
        return image
    return cv2.resize(image, (max(1, round(width * share)), max(1, round(height * share))),
                      interpolation=cv2.INTER_AREA)


def views(image: np.ndarray,
          size: tuple[int, int] | None = None) -> Iterator[tuple[View, np.ndarray]]:
    """Other views of a picture, (H, W) or (H, W, C), and what each shows: six, and two more of a
    picture that is tall. Large pictures are seen smaller; of what :func:`shrunk` made of one give
    the width and height, too.
    """
    width, height = size or image.shape[1::-1]
    seen = shrunk(image)
    scale = np.array([seen.shape[1] / width, seen.shape[0] / height, 1])
    for name, linear, extent in _ways(*seen.shape[1::-1]):
        # The center of the picture comes to be that of the view.
        offset = np.array(extent) / 2 - linear @ (np.array(seen.shape[1::-1]) / 2)
        matrix = np.concatenate([linear, offset[:, None]], 1)
        picture = cv2.warpAffine(seen, _between_centers(matrix), extent, flags=cv2.INTER_LINEAR,
                                 borderMode=cv2.BORDER_REPLICATE)
        yield View(name, matrix * scale), picture


def taken_back(result: WordResult, view: View, first: WordResult) -> WordResult:
    """The result of a view, with a mask in its pixels, as one of the picture that gave ``first``;
    changed in place."""
    result.view, result.path, result.size = view.name, first.path, first.size
    if result.mask is not None:
        result.mask = view.mask_back(result.mask, first.size)
    return result


def better_result(one: WordResult, other: WordResult) -> WordResult:
    """The more probable of two results of a picture, with the n best of both; to have read nothing
    counts least, and then to have read without the context. The first is taken of two that are
    equal."""
    better = max(one, other, key=lambda result: (result.text != '', result.by_context,
                                                 result.score))
    if one.nbest is not None and other.nbest is not None:
        found = {better.text: better.score}
        for text, score in sorted(one.nbest + other.nbest, key=lambda pair: -pair[1]):
            found.setdefault(text, score)
        better.nbest = list(found.items())[:max(len(one.nbest), len(other.nbest))]
    return better


def _ways(width: int, height: int) -> Iterator[tuple[str, np.ndarray, tuple[int, int]]]:
    """Names, linear maps (2, 2) and sizes."""
    upright = np.eye(2)
    for name, angle in (('turned left', -ANGLE), ('turned right', ANGLE)):
        turn = _turn(angle)
        extent = np.abs(turn) @ [width, height]
        yield name, turn, (max(1, int(extent[0])), max(1, int(extent[1])))
    for name, slant in (('slanted left', SLANT), ('slanted right', -SLANT)):
        yield name, np.array([[1, slant], [0, 1]]), (width, height)
    across, down = CLOSER
    yield 'closer', upright, (max(1, ceil(width * (1 - across))), max(1, ceil(height * (1 - down))))
    margin = int(WIDER * height)
    yield 'wider', upright, (width + margin, height + margin)
    if height > TALL * width:
        yield 'on its left side', _turn(-90), (height, width)
        yield 'on its right side', _turn(90), (height, width)


def _turn(degrees: float) -> np.ndarray:
    """Clockwise."""
    return cv2.getRotationMatrix2D((0, 0), -degrees, 1)[:, :2]


def _between_centers(matrix: np.ndarray) -> np.ndarray:
    """The same map for OpenCV, whose coordinates begin in the center of the first pixel."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5
    return moved
