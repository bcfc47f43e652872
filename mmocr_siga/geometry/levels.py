"""Regions that were found in a picture and in smaller copies of it."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely

from .polygons import polygon_shape

__all__ = ['Level', 'merge_levels', 'useful_reductions']

# Copies with no longer side show nothing.
_SMALLEST = 64
# Of a smaller copy only regions count that are still so high there, in pixels: those for whose
# sake it is looked at. At full size such words fall into pieces, or are not seen.
_LEAST = 32
# Regions that lie in another with more than this share of their area are pieces of it; it takes
# their place if there are two, or if less than _COVERED of it was found.
_INSIDE, _COVERED = 0.6, 0.5


class Level(NamedTuple):
    """What was found at one size of a picture."""
    polygons: Sequence[np.ndarray]  # (2P,) each, in pixels of the picture
    scores: Sequence[float]
    factor: float  # a pixel of the picture in pixels of this size


def useful_reductions(height: int, width: int, reductions: Sequence[int]) -> list[int]:
    """By how much a picture may be reduced, of what is given, and still show words."""
    return [reduction for reduction in reductions if max(height, width) >= _SMALLEST * reduction]


def merge_levels(levels: Sequence[Level]) -> tuple[list[np.ndarray], list[float]]:
    """All regions of the first level, and the large ones of the others that were not found before,
    or only in pieces: polygons and scores."""
    kept = list(zip(levels[0].polygons, levels[0].scores, map(polygon_shape, levels[0].polygons)))
    for polygons, scores, factor in levels[1:]:
        for i in np.argsort(scores)[::-1]:
            shape = polygon_shape(polygons[i])
            if shape is None or _height(polygons[i]) * factor < _LEAST:
                continue
            shapes = np.array([other for _, _, other in kept], object)
            hit = np.flatnonzero(shapely.intersects(shape, shapes))
            parts = shapely.intersection(shape, shapes[hit])
            pieces = hit[shapely.area(parts) > _INSIDE * shapely.area(shapes[hit])]
            found = shapely.union_all(parts).area
            if found >= _COVERED * shape.area and len(pieces) < 2:
                continue
            kept = [each for k, each in enumerate(kept) if k not in pieces]
            kept.append((polygons[i], scores[i], shape))
    return [polygon for polygon, _, _ in kept], [float(score) for _, score, _ in kept]


def _height(polygon: np.ndarray) -> float:
    """The shorter side of a region, of a quad the shortest."""
    points = np.reshape(polygon, (-1, 2))
    return float(np.hypot(*(points - np.roll(points, 1, 0)).T).min()) if len(points) == 4 else (
        float(np.ptp(points, 0).min()))
