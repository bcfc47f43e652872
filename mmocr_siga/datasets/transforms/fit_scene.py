"""Resizing of scenes without clipping their words."""
from __future__ import annotations

import math

import cv2
import numpy as np
from mmocr.registry import TRANSFORMS

from .base import WordTransform

_LEAST = 32


@TRANSFORMS.register_module()
class FitScene(WordTransform):
    """Resize a scene to fit into a frame, whatever its shape.

    As MMOCR's ``Resize`` with ``keep_ratio``, but polygons are not clipped, which would lose where
    reading begins; and no side becomes shorter than 32 pixels. The longer side of the frame
    ``scale`` bounds the longer side of the picture, its shorter side the shorter one.

    Args:
        scale: Sides of the frame.
        enlarge_only: The shorter side of the frame is the least of the picture, not the greatest:
            nothing is reduced but what is longer than the longer side.
        max_factor: Most that a picture is enlarged.

    Changes ``img``, ``img_shape``, and ``gt_polygons`` and ``gt_bboxes`` where they are there; adds
    ``scale_factor`` (width, height).
    """

    def __init__(self, scale: tuple[int, int] = (1333, 736),
                 enlarge_only: bool = False, max_factor: float = math.inf) -> None:
        if min(scale) < _LEAST:
            raise ValueError(f'scale must be at least {_LEAST}, but is {tuple(scale)}')
        if not max_factor >= 1:
            raise ValueError(f'max_factor must be at least 1, but is {max_factor}')
        self.max_factor = max_factor
        self.scale, self.enlarge_only = tuple(scale), enlarge_only

    def transform(self, results: dict) -> dict:
        height, width = results['img'].shape[:2]
        factor = min(self.scale) / min(height, width)
        if self.enlarge_only:
            factor = max(factor, 1)
        factor = min(factor, max(self.scale) / max(height, width), self.max_factor)
        new_width, new_height = (max(_LEAST, int(side * factor + 0.5))
                                 for side in (width, height))
        interpolation = cv2.INTER_LINEAR if factor >= 1 else cv2.INTER_AREA
        results['img'] = cv2.resize(results['img'], (new_width, new_height),
                                    interpolation=interpolation)
        results['img_shape'] = (new_height, new_width)
        factors = results['scale_factor'] = (new_width / width, new_height / height)
        if 'gt_polygons' in results:
            results['gt_polygons'] = [
                (np.asarray(p, np.float64).reshape(-1, 2) * factors).reshape(-1).astype(np.float32)
                for p in results['gt_polygons']]
        if 'gt_bboxes' in results:
            boxes = np.asarray(results['gt_bboxes'], np.float64).reshape(-1, 4)
            results['gt_bboxes'] = (boxes * (factors * 2)).astype(np.float32)
        return results
