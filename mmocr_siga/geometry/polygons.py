"""Regions of words in a picture, as pure functions.

P points of a polygon, K points of a border. Points are (x, y) in pixels, x to the right and y
down, as float64; "clockwise" is what is seen in the picture. A border runs along a word in reading
order: the top one over its characters, the bottom one under them.
"""
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from shapely import (
    Geometry,
    LineString,
    MultiPolygon,
    Polygon,
    box,
    get_coordinates,
    get_parts,
    line_interpolate_point,
    make_valid,
)
from shapely.geometry.polygon import orient

__all__ = [
    'CheckedPolygon', 'border_points', 'check_polygon', 'is_vertical', 'polygon_points',
    'polygon_shape', 'resample_border', 'split_borders', 'turned_borders',
]

# Square pixels that a polygon covers at least.
MIN_AREA = 1
# A polygon of more points is simplified before its ends are looked for.
MOST_POINTS = 24
_SAMPLES = 9
# Directions within 6 degrees of the vertical are read downwards.
_UPRIGHT = 0.1


class CheckedPolygon(NamedTuple):
    points: np.ndarray | None  # float64 (P, 2), clockwise, P >= 3; None if it cannot be used
    problem: str  # what is wrong with it; '' if nothing is


def polygon_points(polygon: Any) -> np.ndarray:
    """Points, float64 (P, 2), of a list, array or CPU tensor of 2P numbers, x and y interleaved, or
    (P, 2); a ValueError if it is neither."""
    try:
        points = np.asarray(polygon, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f'is no list of coordinates: {str(polygon)[:60]!r}') from error
    if points.ndim == 2 and points.shape[1] == 2:
        return points
    if points.ndim != 1 or len(points) % 2:
        raise ValueError('must be x and y interleaved or of shape (P, 2), but has shape '
                         f'{points.shape}')
    return points.reshape(-1, 2)


def check_polygon(polygon: Any, size: tuple[int, int] | None = None,
                  min_inside: float = 0.0) -> CheckedPolygon:
    """Tell whether a polygon can be worked with, and bring it into clockwise order.

    Points that follow one another at the same place count once, and the last one that closes the
    polygon is dropped. Points of an anticlockwise polygon are reversed; the first stays the first.
    ``size`` is height and width of a picture in which some of it must lie, or ``min_inside`` of
    its area.
    """
    try:
        points = polygon_points(polygon)
    except ValueError as error:
        return CheckedPolygon(None, str(error))
    if not np.isfinite(points).all():
        return CheckedPolygon(None, 'has coordinates that are not finite')
    if np.abs(points).max(initial=0) > 1e9:
        return CheckedPolygon(None, 'has coordinates beyond a milliard')
    different = (points != np.roll(points, -1, 0)).any(1)
    points = points[different] if different.any() else points[:1]
    if len(points) < 3:
        return CheckedPolygon(None, f'has fewer than 3 different points: {len(points)}')
    outline, shape = Polygon(points), polygon_shape(points)
    if shape is not None and not outline.is_valid:
        return CheckedPolygon(None, 'crosses or touches itself')
    if shape is None or shape.area < MIN_AREA:
        return CheckedPolygon(
            None, f'covers {outline.area:.3g} square pixels, less than {MIN_AREA}')
    if size is not None:
        inside = shape.intersection(box(0, 0, size[1], size[0])).area / shape.area
        if inside <= 0 or inside < min_inside:
            part = '' if inside <= 0 else f'for all but {100 * inside:.2g} % of its area '
            return CheckedPolygon(
                None, f'lies {part}outside the picture of {size[1]} x {size[0]} pixels')
    return CheckedPolygon(_clockwise(outline), '')


def _clockwise(outline: Polygon) -> np.ndarray:
    """Points from the first one on, clockwise as seen in the picture, where y points down."""
    return np.array(orient(outline).exterior.coords)[:-1]


def polygon_shape(polygon: Any) -> Geometry | None:
    """A valid geometry of a polygon, for areas of intersections; one that crosses itself becomes
    the parts that it encloses. None if it encloses nothing or its coordinates are none."""
    try:
        points = polygon_points(polygon)
    except ValueError:
        return None
    if len(points) < 3 or not np.isfinite(points).all():
        return None
    shape = Polygon(points)
    if not shape.is_valid:
        # Two levels: a collection may hold a MultiPolygon.
        parts = [part for part in get_parts(get_parts(make_valid(shape))) if part.area > 0]
        shape = parts[0] if len(parts) == 1 else MultiPolygon(parts)
    return shape if shape.area > 0 else None


def split_borders(points: np.ndarray, ordered: bool = True,
                  vertical_ratio: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Split the outline of a word into its top and its bottom border.

    With ``ordered`` the first point is the top left corner of the word, as in annotations. Half of
    an even number of points are the top border, as in quads and in Total-Text and CTW1500; an odd
    number is split where the borders are closest to each other. Otherwise, as in detections, the
    outline is cut at the two sides between which it is narrowest, and read from left to right; a
    word that stands within six degrees of upright is read downwards. The larger extent is taken
    for the length only from ``vertical_ratio`` on, where that stands more upright than it lies. A
    triangle stands for the smallest rectangle around it.

    Points are (P, 2), clockwise, as :func:`check_polygon` returns them; the borders, (T, 2) and
    (B, 2), have at least two each.
    """
    count = len(points)
    if count == 3:
        points, count = _rectangle_around(points), 4
    if ordered and count % 2 == 0:
        return points[:count // 2].copy(), points[:count // 2 - 1:-1].copy()
    if ordered:
        last = np.full(count - 3, count - 1)
        first, last = _narrowest_cut(points, last, np.arange(1, count - 2), 1.0)
        return _chain(points, first, last), _chain(points, last, first)[::-1]
    points = _simplified(points)
    first, last = np.triu_indices(len(points), 2)
    # Both borders have at least two points.
    both = last - first <= len(points) - 2
    first, last = _narrowest_cut(points, first[both], last[both], vertical_ratio)
    top, bottom = _chain(points, first, last), _chain(points, last, first)[::-1]
    along = (top[-1] - top[0]) + (bottom[-1] - bottom[0])
    upright = abs(along[0]) <= _UPRIGHT * np.hypot(*along)
    if (along[1] if upright else along[0]) < 0:
        return bottom[::-1].copy(), top[::-1].copy()
    return top, bottom


def _rectangle_around(points: np.ndarray) -> np.ndarray:
    """The smallest rectangle around points, clockwise from the corner closest to the first."""
    corners = _clockwise(Polygon(points).minimum_rotated_rectangle)
    return np.roll(corners, -int(((corners - points[0]) ** 2).sum(1).argmin()), 0)


def _simplified(points: np.ndarray) -> np.ndarray:
    """At most MOST_POINTS of the points, not fewer than 4."""
    outline, kept, share = Polygon(points), points, 0.002
    while len(kept) > MOST_POINTS:
        fewer = _clockwise(outline.simplify(share * outline.length))
        if len(fewer) < 4:
            return points[np.linspace(0, len(points), MOST_POINTS, endpoint=False).astype(int)]
        kept, share = fewer, share * 1.25
    return kept


def _chain(points: np.ndarray, first: int, last: int) -> np.ndarray:
    """Points after side ``first`` up to side ``last``; side i goes from point i to the next."""
    count = len(points)
    return points[(first + 1 + np.arange((last - first) % count)) % count]


def _narrowest_cut(points: np.ndarray, first: np.ndarray, last: np.ndarray,
                   upright_factor: float) -> tuple[int, int]:
    """The pair of sides between which the two borders are closest to each other on average.

    Widths of words that stand more upright than they lie are multiplied by ``upright_factor``.
    """
    count = len(points)
    sides = np.hypot(*(np.roll(points, -1, 0) - points).T)
    # Twice around: a border may pass the first point.
    length = np.concatenate([[0], np.cumsum(np.concatenate([sides, sides]))])
    around = np.concatenate([points, points, points[:1]])
    share = np.linspace(0, 1, _SAMPLES)

    def sampled(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
        begin, end = length[start + 1], length[np.where(stop > start, stop, stop + count)]
        at = begin[:, None] + share * (end - begin)[:, None]
        return np.stack([np.interp(at, length, around[:, k]) for k in (0, 1)], -1)

    top, bottom = sampled(first, last), sampled(last, first)[:, ::-1]
    width = np.hypot(*np.moveaxis(top - bottom, -1, 0)).mean(1)
    along = np.abs(top[:, -1] - top[:, 0] + bottom[:, -1] - bottom[:, 0])
    best = int(np.where(along[:, 1] > along[:, 0], width * upright_factor, width).argmin())
    return int(first[best]), int(last[best])


def resample_border(border: np.ndarray, count: int) -> np.ndarray:
    """K >= 2 points, float64 (K, 2), at equal steps along a border (T, 2), from its first to its
    last."""
    at = np.linspace(0, 1, count)
    return get_coordinates(line_interpolate_point(LineString(border), at, normalized=True))


def border_points(top: np.ndarray, bottom: np.ndarray, count: int) -> np.ndarray:
    """K points along the top border (T, 2), then K along the bottom one (B, 2), float64 (2K, 2)."""
    return np.concatenate([resample_border(top, count), resample_border(bottom, count)])


def extent(top: np.ndarray, bottom: np.ndarray) -> tuple[float, float]:
    """Mean length of the borders, (T, 2) and (B, 2), and mean distance between them, in pixels:
    width and height of the word if it were straight."""
    pairs = border_points(top, bottom, _SAMPLES).reshape(2, _SAMPLES, 2)
    width = np.hypot(*np.diff(pairs, axis=1).reshape(-1, 2).T).sum() / 2
    return float(width), float(np.hypot(*(pairs[0] - pairs[1]).T).mean())


def is_vertical(top: np.ndarray, bottom: np.ndarray, ratio: float = 1.5) -> bool:
    """Whether a word is so much higher than wide that its characters stand above one another."""
    width, height = extent(top, bottom)
    return height >= ratio * width


def turned_borders(top: np.ndarray, bottom: np.ndarray,
                   upwards: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Borders (2, 2) of a word that is read along the sides that were its ends: from the top border
    to the bottom one, its right side being the new top, or ``upwards``."""
    left, right = np.stack([top[0], bottom[0]]), np.stack([top[-1], bottom[-1]])
    return (left[::-1], right[::-1]) if upwards else (right, left)
