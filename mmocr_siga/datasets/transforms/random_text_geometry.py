"""Random geometry of word images."""
from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmocr.registry import TRANSFORMS

from .base import WordTransform, check_arguments
from .functional import affine_matrix, corners, fit_canvas, warp

# A word may become as high as this many times its height by turning.
_MAX_RISE = 2.2


def symmetric(magnitude: float, size: int | None = None) -> float | np.ndarray:
    """Draw from [-magnitude, magnitude], bell-shaped about 0: ``beta(4, 4)``, stretched."""
    return magnitude * (2 * np.random.beta(4, 4, size) - 1)


def asymmetric(magnitude: float, size: int | tuple | None = None) -> float | np.ndarray:
    """Draw from [0, magnitude], mostly small: ``beta(1, 4)``, with a fifth of it as its mean."""
    return magnitude * np.random.beta(1, 4, size)


def largest_angle(width: int, height: int) -> float:
    """Largest angle in degrees, up to 90, by which a word image is turned: its far end then rises
    by 2.2 times its height, and characters keep about a third of the canvas."""
    return math.degrees(math.asin(min(1., _MAX_RISE * height / width)))


class GeometryParams(NamedTuple):
    """What is done to one image, whatever its size.

    ``dents`` (4, 2) is how far each corner moves inwards, as a part of half the width and height.
    """
    angle: float = 0.
    scale: tuple[float, float] = (1., 1.)
    shear: tuple[float, float] = (0., 0.)
    dents: np.ndarray = np.zeros((4, 2))

    def matrix(self, width: int, height: int) -> np.ndarray:
        affine = affine_matrix(self.angle, self.scale, self.shear)
        if not self.dents.any():
            return affine
        ends = corners(width, height)
        inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * (width / 2, height / 2)
        moved = (ends + self.dents * inwards).astype(np.float32)
        return affine @ cv2.getPerspectiveTransform(ends.astype(np.float32), moved)


@TRANSFORMS.register_module()
class RandomTextGeometry(WordTransform):
    """Rotate a word image, or rotate, stretch and lean it, or see it in perspective.

    An image is changed with probability ``prob``, in one warp: by a rotation (one half of the
    time), a general affine map (a quarter) or a perspective (a quarter), as ABINet and PARSeq do.
    Magnitudes are upper bounds: draws are concentrated at small ones (beta(4, 4) about 0 for angles
    and the logarithm of scales, beta(1, 4) for the corners), so that words stay legible. Long words
    turn less, see :func:`largest_angle`. The canvas grows to hold the whole word and is filled with
    the nearest pixels of the image; past ``max_side`` the word is made smaller instead.

    Place it before ``Resize`` and ``TextMask``. Changes ``img``, ``img_shape`` and, where it is
    there, ``gt_seg_map`` (nearest neighbor, 0 outside).

    Args:
        rotation: Largest angle in degrees, either way.
        scale: Least and largest factor along each axis.
        shear: Largest angles in degrees by which columns and rows lean, either way.
        distortion: Largest part of half the width and height by which corners move inwards, below
            1.
        max_side: Longest side of a canvas in pixels; what is more than about twice the width of the
            model's input only costs time.
    """

    def __init__(self, prob: float = 0.5, rotation: float = 45.,
                 scale: tuple[float, float] = (0.5, 2.), shear: tuple[float, float] = (45., 15.),
                 distortion: float = 0.5, max_side: int = 320) -> None:
        check_arguments(
            ('prob', prob, 0 <= prob <= 1, 'lie in [0, 1]'),
            ('rotation', rotation, 0 <= rotation <= 180, 'lie in [0, 180] degrees'),
            ('scale', scale, 0 < scale[0] <= scale[1], 'be two positive factors in order'),
            ('shear', shear, min(shear) >= 0 and sum(shear) < 90,
             'be two angles of at least 0 degrees with a sum below 90'),
            ('distortion', distortion, 0 <= distortion < 1, 'lie in [0, 1)'),
            ('max_side', max_side, max_side >= 1, 'be positive'))
        self.prob, self.rotation, self.distortion, self.max_side = (
            prob, rotation, distortion, max_side)
        self.scale, self.shear = tuple(scale), tuple(shear)

    @cache_randomness
    def _draw(self) -> GeometryParams | None:
        if np.random.rand() >= self.prob:
            return None
        kind = np.random.rand()
        if kind < 0.5:
            return GeometryParams(angle=symmetric(self.rotation))
        if kind < 0.75:
            low, high = (math.log(s) for s in self.scale)
            scale = np.exp((low + high) / 2 + symmetric((high - low) / 2, 2))
            return GeometryParams(symmetric(self.rotation), tuple(scale.tolist()),
                                  tuple(symmetric(most) for most in self.shear))
        return GeometryParams(dents=asymmetric(self.distortion, (4, 2)))

    def transform(self, results: dict) -> dict:
        params = self._draw()
        if params is None:
            return results
        img, mask = results['img'], results.get('gt_seg_map')
        height, width = img.shape[:2]
        if mask is not None and mask.shape != (height, width):
            raise ValueError(f'gt_seg_map has the shape {mask.shape}, its image '
                             f'{(height, width)}; no transform between may resize only one')
        if self.rotation:
            # Scaled, not cut off, which would pile up the angles of long words at the end.
            turn = min(1., largest_angle(width, height) / self.rotation)
            params = params._replace(angle=params.angle * turn)
        matrix, size = fit_canvas(params.matrix(width, height), width, height, self.max_side)
        results['img'] = warp(img, matrix, size)
        results['img_shape'] = results['img'].shape[:2]
        if mask is not None:
            out = warp(mask.astype(np.uint8), matrix, size, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT)
            results['gt_seg_map'] = out.astype(mask.dtype)
        return results
