"""Random window of a scene whose words keep their reading order and their texts."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmocr.registry import TRANSFORMS
from shapely.geometry import box

from ...geometry.polygons import polygon_shape
from .base import WordTransform


@TRANSFORMS.register_module()
class RandomSceneWindow(WordTransform):
    """Turn, scale and cut a scene with its words to a fixed size, in one interpolation.

    For spotting: MMOCR's transforms that clip polygons begin them at any point, so that it is no
    longer known where reading begins, and keep the text of a word of which half is cut off. Here
    all points of a polygon are kept, in their order, also outside; a word of which less than
    ``min_visible`` can be seen is ignored, and one of which nothing can be seen is left out.

    Args:
        size: Width and height of the window.
        scale: Least and greatest factor of the size, drawn evenly in its logarithm.
        aspect: Greatest factor of width over height, and of height over width.
        angle: Greatest angle in degrees, to either side.
        word_prob: Probability that a word that is not ignored lies in the window, where there is
            one.
        min_visible: Least share of a word's area in the window, for it to be read.
        fill: Color outside of the picture.
    """

    def __init__(self, size: tuple[int, int] = (640, 640), scale: tuple[float, float] = (0.5, 2.0),
                 aspect: float = 1.2, angle: float = 10.0, word_prob: float = 0.9,
                 min_visible: float = 0.95, fill: Sequence[int] = (124, 116, 104)) -> None:
        if min(size) < 1 or not 0 < scale[0] <= scale[1] or aspect < 1:
            raise ValueError('size must be positive, scale positive and in order and aspect at '
                             f'least 1, got {tuple(size)}, {tuple(scale)} and {aspect}')
        if not 0 <= word_prob <= 1 or not 0 <= min_visible <= 1:
            raise ValueError('word_prob and min_visible must be in [0, 1], got '
                             f'{word_prob} and {min_visible}')
        self.size, self.scale, self.aspect, self.angle = tuple(size), tuple(scale), aspect, angle
        self.word_prob, self.min_visible, self.fill = word_prob, min_visible, tuple(fill)

    @cache_randomness
    def _matrix(self, shape: tuple[int, int], targets: Sequence[np.ndarray]) -> np.ndarray:
        """From the picture to the window, (2, 3)."""
        uniform = np.random.uniform
        factor = np.exp(uniform(*np.log(self.scale)))
        stretch = np.exp(uniform(-1, 1) * np.log(self.aspect) / 2)
        turn = np.deg2rad(uniform(-self.angle, self.angle))
        cos, sin = np.cos(turn), np.sin(turn)
        linear = factor * np.diag([stretch, 1 / stretch]) @ [[cos, -sin], [sin, cos]]
        height, width = shape
        size = np.array(self.size)
        low, high = _bounds([[0, 0], [width, 0], [width, height], [0, height]], linear)
        # The window lies in the picture as far as possible, or else the picture in the window.
        inside = np.sort([size - high, -low], 0)
        offset = uniform(*inside)
        if len(targets) and uniform() < self.word_prob:
            low, high = _bounds(targets[np.random.randint(len(targets))].reshape(-1, 2), linear)
            around = np.sort([size - high, -low], 0)
            offset = np.clip(uniform(*around), *inside)
        return np.concatenate([linear, offset[:, None]], 1)

    def transform(self, results: dict) -> dict:
        polygons = [np.asarray(p, np.float64) for p in results['gt_polygons']]
        ignored = np.asarray(results['gt_ignored'], bool)
        targets = [p for p, skip in zip(polygons, ignored)
                   if not skip and p.size >= 6 and np.isfinite(p).all()]
        matrix = self._matrix(results['img'].shape[:2], targets)
        # OpenCV counts from the middle of the first pixel.
        shifted = matrix.copy()
        shifted[:, 2] += 0.5 * matrix[:, :2].sum(1) - 0.5
        fill = self.fill if results['img'].ndim == 3 else self.fill[:1]
        results['img'] = cv2.warpAffine(results['img'], shifted, self.size, flags=cv2.INTER_LINEAR,
                                        borderValue=fill)
        results['img_shape'] = results['img'].shape[:2]
        moved = [(p.reshape(-1, 2) @ matrix[:, :2].T + matrix[:, 2]).reshape(-1)
                 if p.size % 2 == 0 else p for p in polygons]
        shares = np.array([visible_share(p, self.size) for p in moved], np.float64)
        results['gt_polygons'] = [p.astype(np.float32) for p in moved]
        results['gt_ignored'] = ignored | (shares < self.min_visible)
        if 'gt_bboxes' in results:
            boxes = [np.concatenate([p.reshape(-1, 2).min(0), p.reshape(-1, 2).max(0)])
                     if p.size and p.size % 2 == 0 else np.zeros(4) for p in moved]
            results['gt_bboxes'] = np.array(boxes, np.float32).reshape(-1, 4)
        return _without(results, shares == 0)


def _bounds(points: np.ndarray, linear: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest x and y of points under a linear map."""
    moved = np.asarray(points, np.float64) @ linear.T
    return moved.min(0), moved.max(0)


def _without(results: dict, gone: np.ndarray) -> dict:
    """Leave words out; unlike MMOCR's, none may be left."""
    for key in ('gt_polygons', 'gt_texts', 'gt_ignored', 'gt_bboxes', 'gt_bboxes_labels'):
        if key in results:
            values = results[key]
            results[key] = (values[~gone] if isinstance(values, np.ndarray) else
                            [value for value, out in zip(values, gone) if not out])
    return results


def visible_share(polygon: np.ndarray, size: tuple[int, int]) -> float:
    """Share of a polygon's area (x and y interleaved) within a width and height; 0 without area."""
    shape = polygon_shape(polygon)
    if shape is None:
        return 0.0
    return shape.intersection(box(0, 0, *size)).area / shape.area
