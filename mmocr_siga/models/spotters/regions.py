"""Words of annotated and detected scenes as regions to be read. All on the host."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.structures import InstanceData
from shapely.geometry import Polygon, box
from shapely.ops import unary_union
from shapely.prepared import prep
from torch import Tensor

from ...datasets.formats.scene_annotations import IGNORED_TEXTS, instance_of
from ...geometry.polygons import (
    border_points,
    check_polygon,
    is_vertical,
    polygon_shape,
    split_borders,
    turned_borders,
)

__all__ = ['CheckedScene', 'WordRegions', 'background_regions', 'checked_scene',
           'detected_regions', 'region_borders', 'region_points', 'word_regions']

BORDER_POINTS = 8
# Corners of a region where a batch has no word to take the size of.
_USUAL_WORD = np.array([[[-36., -12.], [36., -12.]], [[-36., 12.], [36., 12.]]])
# False detections are often smaller than words: factors of their sides.
_SHRINK, _STRETCH = 0.35, 1.25
_TRIES = 20


class CheckedScene(NamedTuple):
    """Annotated words of a picture that can be trained on."""

    # Copies: ``polygons``, float32 (2P,) and clockwise, ``bboxes``, ``labels``, ``ignored`` and,
    # where there were any, ``texts``.
    instances: InstanceData
    faults: int  # words left out, or ignored, because something is wrong with their polygon


class WordRegions(NamedTuple):
    """Regions of words over a batch of pictures; tensors are on the CPU."""

    borders: Tensor  # float32 (R, 2, K, 2), in pixels of the network's input
    index: Tensor  # long (R,), the picture of each region
    texts: list[str]  # what they say, '' for detected ones
    rows: list[int]  # which instance of its picture each is

    def chosen(self, rows: Tensor) -> WordRegions:
        texts, numbers = ([each[i] for i in rows.tolist()] for each in (self.texts, self.rows))
        return WordRegions(self.borders[rows], self.index[rows], texts, numbers)

    def joined(self, other: WordRegions) -> WordRegions:
        return WordRegions(torch.cat([self.borders, other.borders]),
                           torch.cat([self.index, other.index]), self.texts + other.texts,
                           self.rows + other.rows)


def region_borders(points: np.ndarray, ordered: bool, count: int = BORDER_POINTS) -> np.ndarray:
    """Borders (2, K, 2), with K = ``count``, of a word along which it is read; of upright ones
    along their long sides. ``points`` are (P, 2), as of :func:`.check_polygon`; ``ordered`` where
    reading begins at the first one, as in annotations."""
    top, bottom = split_borders(points, ordered)
    if is_vertical(top, bottom):
        top, bottom = turned_borders(top, bottom)
    return border_points(top, bottom, count).reshape(2, count, 2)


def checked_scene(instances: InstanceData, size: tuple[int, int]) -> CheckedScene:
    """Leave out what a detector's targets cannot be made of.

    A polygon that crosses itself is ignored with its convex hull, one that reaches more than a
    picture's size beyond the picture with the part inside; one without an area, without finite
    coordinates or outside the picture, whose ``size`` is height and width, is left out. The
    ``gt_instances`` have ``polygons``, and ``ignored`` and ``texts`` if known.
    """
    polygons = instances.get('polygons', [])
    texts = instances.get('texts', None)
    flags = instances.get('ignored', None)
    # Read at once: on a device every flag would be waited for.
    flags = [False] * len(polygons) if flags is None else torch.as_tensor(flags).bool().tolist()
    kept, faults = [], 0
    for i, polygon in enumerate(polygons):
        # A word without a known text is still to be found.
        text = texts[i] if texts is not None else '?'
        text = text if isinstance(text, str) else ''
        part = _part_inside(polygon, size)
        far = part is not None
        instance, problem = instance_of(part if far else polygon, text, size,
                                        flags[i] or text in IGNORED_TEXTS or far)
        # An empty text is no fault: the word is there, and cannot be read.
        faults += bool(problem or far) and problem != 'there is no text'
        if instance is not None:
            kept.append(instance)
    checked = InstanceData()
    checked.polygons = [np.array(k['polygon'], np.float32) for k in kept]
    checked.bboxes = torch.tensor([k['bbox'] for k in kept]).reshape(-1, 4)
    checked.labels = torch.zeros(len(kept), dtype=torch.long)
    checked.ignored = torch.tensor([k['ignore'] for k in kept], dtype=torch.bool)
    if texts is not None:
        checked.texts = [k['text'] for k in kept]
    return CheckedScene(checked, faults)


def _part_inside(polygon: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """The convex hull of what is in the picture of a polygon that reaches more than the picture's
    size beyond it; None for any other."""
    shape, (h, w) = polygon_shape(polygon), size
    if shape is None or box(-w, -h, 2 * w, 2 * h).covers(shape):
        return None
    part = shape.intersection(box(0, 0, w, h)).convex_hull
    return np.asarray(part.exterior.coords) if part.area else np.zeros((0, 2))


def word_regions(scenes: Sequence[InstanceData], label: Callable[[str], str | None],
                 min_side: float = 4.0, count: int = BORDER_POINTS) -> WordRegions:
    """Annotated words that reading can be learned from, at least ``min_side`` pixels high, with
    borders of ``count`` points.

    ``scenes`` are of :func:`checked_scene`; ``label`` takes a text to what is to be read, or None
    if it cannot be.
    """
    found = []
    for n, scene in enumerate(scenes):
        for i, text in enumerate(scene.get('texts', ())):
            text = None if scene.ignored[i] else label(text)
            if text is None:
                continue
            points = np.asarray(scene.polygons[i], np.float64).reshape(-1, 2)
            borders = region_borders(points, True, count)
            if np.hypot(*(borders[0] - borders[1]).T).mean() >= min_side:
                found.append((borders, n, text, i))
    return _packed(found, count)


def detected_regions(polygons: Sequence[Sequence[np.ndarray]], sizes: Sequence[tuple[int, int]],
                     count: int = BORDER_POINTS) -> WordRegions:
    """Regions of detected polygons of pictures, in pixels of the network's input; those that
    enclose nothing in their picture, of height and width ``sizes``, are left out."""
    found = []
    for n, (scene, size) in enumerate(zip(polygons, sizes)):
        for i, polygon in enumerate(scene):
            points = check_polygon(polygon, size).points
            if points is not None:
                found.append((region_borders(points, False, count), n, '', i))
    return _packed(found, count)


def background_regions(words: WordRegions, scenes: Sequence[InstanceData],
                       sizes: Sequence[tuple[int, int]], share: float,
                       min_side: float = 4.0) -> WordRegions:
    """Regions like those of words where nothing is written, with empty texts and rows of -1.

    Each has the corners of a word drawn from the batch, its sides changed by factors between 0.35
    and 1.25, at a place drawn evenly. One that touches an annotated region, be it ignored, is drawn
    again; after 20 tries there is one less. ``share`` is how many there are for each word of a
    picture, at least one a picture; 0 for none.
    """
    count = words.borders.shape[2]
    if share <= 0:
        return _packed([], count)
    shapes = words.borders[:, :, [0, -1]].double().numpy()
    shapes = shapes if len(shapes) else _USUAL_WORD[None]
    found = []
    for n, (scene, size) in enumerate(zip(scenes, sizes)):
        wanted = max(1, round(share * int((words.index == n).sum())))
        taken = prep(unary_union([p for p in map(polygon_shape, scene.polygons) if p is not None]))
        for _ in range(wanted):
            corners = _free_region(shapes, taken, size, min_side)
            if corners is not None:
                found.append((border_points(*corners, count).reshape(2, count, 2), n, '', -1))
    return _packed(found, count)


def _free_region(shapes: np.ndarray, taken: Any, size: tuple[int, int],
                 min_side: float) -> np.ndarray | None:
    """Corners (2, 2, 2) of a region that touches nothing, or None if none was found."""
    extent = np.array(size[::-1], np.float64)
    draws = torch.rand(_TRIES, 5, dtype=torch.float64).numpy()
    for draw in draws:
        corners = shapes[min(int(draw[0] * len(shapes)), len(shapes) - 1)]
        along = (corners[:, 1] - corners[:, 0]).mean(0) / 2
        down = (corners[1] - corners[0]).mean(0) / 2
        factors = np.exp(np.log(_SHRINK) + draw[1:3] * np.log(_STRETCH / _SHRINK))
        along, down = along * factors[0], down * factors[1]
        down *= max(1.0, min_side / max(2 * np.hypot(*down), 1e-6))
        reach = np.abs(along) + np.abs(down)
        fit = min(1.0, float((extent / 2 / np.maximum(reach, 1e-6)).min()))
        along, down, reach = along * fit, down * fit, reach * fit
        middle = reach + draw[3:] * (extent - 2 * reach)
        corners = middle + np.array([[-along - down, along - down], [-along + down, along + down]])
        if not taken.intersects(Polygon(corners[[0, 0, 1, 1], [0, 1, 1, 0]])):
            return corners
    return None


def region_points(borders: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Where places of a rectified region, x and y (..., 2) as shares of its width and height, lie
    in the picture: float64 (..., 2), in pixels. ``borders`` are (2, K, 2)."""
    borders, places = np.asarray(borders, np.float64), np.asarray(places, np.float64)
    steps = np.linspace(0, 1, borders.shape[1])
    top, bottom = (np.stack([np.interp(places[..., 0], steps, border[:, k]) for k in (0, 1)], -1)
                   for border in borders)
    return top + places[..., 1:] * (bottom - top)


def _packed(found: list[tuple], count: int) -> WordRegions:
    borders, index, texts, rows = zip(*found) if found else ((), (), (), ())
    borders = torch.from_numpy(np.array(borders, np.float32).reshape(-1, 2, count, 2))
    return WordRegions(borders, torch.tensor(index, dtype=torch.long), list(texts), list(rows))
