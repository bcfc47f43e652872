"""Other looks at the picture of a word: turned, slanted, from closer and from further away.

A recogniser that is unsure of a word is often sure of it from another side. Everything here is
affine, so what is found in a look can be taken back to the picture. Coordinates are pixels from the
upper left corner of the upper left pixel.
"""
from __future__ import annotations

from collections.abc import Iterator
from math import ceil, cos, radians, sin
from typing import NamedTuple

import cv2
import numpy as np

__all__ = ['Look', 'looks', 'shrunk']

ANGLE = 16  # degrees
SLANT = 0.3  # columns a row
CLOSER = 0.06, 0.16  # shares of width and height that are cut off
WIDER = 0.24  # share of the height that is added to both sides
TALL = 1.5  # height to width, from where on a word may be written downwards
# Of what is read later at some tens of pixels; warping more takes time.
LONGEST = 512


class Look(NamedTuple):
    """A way to look at a picture.

    Attributes:
        name (str): What it is.
        size (tuple[int, int]): Width and height of what is seen.
        matrix (ndarray): float64 (2, 3), from the picture to what is seen.
    """
    name: str
    size: tuple[int, int]
    matrix: np.ndarray

    def boxes_back(self, boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Bounds in a picture of the given size of boxes (L, 4): x1, y1, x2, y2."""
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)
        inverse = cv2.invertAffineTransform(self.matrix)
        points = corners @ inverse[:, :2].T + inverse[:, 2]
        return np.concatenate([points.min(1), points.max(1)], 1).clip(0, [*size, *size])

    def mask_back(self, mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """A mask of what is seen as one of a picture of the given size; 0 where nothing is seen."""
        return cv2.warpAffine(mask, _between_centres(self.matrix), size,
                              flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)


def shrunk(image: np.ndarray) -> np.ndarray:
    """A picture, or a copy of at most :data:`LONGEST` pixels a side of a larger one."""
    height, width = image.shape[:2]
    share = LONGEST / max(height, width)
    if share >= 1:
        return image
    return cv2.resize(image, (max(1, round(width * share)), max(1, round(height * share))),
                      interpolation=cv2.INTER_AREA)


def looks(image: np.ndarray,
          size: tuple[int, int] | None = None) -> Iterator[tuple[Look, np.ndarray]]:
    """Look at a picture from other sides.

    Args:
        image (ndarray): (H, W) or (H, W, C), not empty; or what :func:`shrunk` made of it.
        size (tuple[int, int], optional): Width and height of the picture itself. Defaults to None:
            those of ``image``.

    Yields:
        tuple[Look, ndarray]: A look and what is seen, of the picture's dtype. There are six, and
        two more of a picture that is tall. Large pictures are seen smaller.
    """
    width, height = size or image.shape[1::-1]
    seen = shrunk(image)
    scale = np.array([seen.shape[1] / width, seen.shape[0] / height, 1])
    for name, linear, size in _ways(*seen.shape[1::-1]):
        matrix = _about_centres(linear, seen.shape[1::-1], size)
        picture = cv2.warpAffine(seen, _between_centres(matrix), size, flags=cv2.INTER_LINEAR,
                                 borderMode=cv2.BORDER_REPLICATE)
        yield Look(name, size, matrix * scale), picture


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
    """Clockwise, where y points down."""
    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, -s], [s, c]])


def _about_centres(linear: np.ndarray, size: tuple[int, int],
                   target: tuple[int, int]) -> np.ndarray:
    """The affine map that takes the centre of one picture to that of another."""
    offset = np.array(target) / 2 - linear @ (np.array(size) / 2)
    return np.concatenate([linear, offset[:, None]], 1)


def _between_centres(matrix: np.ndarray) -> np.ndarray:
    """The same map for OpenCV, whose coordinates begin in the centre of the first pixel."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5
    return moved
