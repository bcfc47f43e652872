"""Boxes and masks of characters from glyph maps, as pure functions.

L characters, (h, w) a glyph map, (H, W) the grid that all maps of a word are stretched to. Boxes
are (L, 4): left, top, right and bottom as shares of the width and height of what the maps lie over.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil

import cv2
import numpy as np

__all__ = [
    'GRID', 'box_pixels', 'cell_boxes', 'character_boxes', 'character_mask', 'label_boxes',
    'monotone_cuts'
]

# Height and width of the grid. Lengths below are in its cells.
GRID = (32, 128)

# Chosen by F1 at IoU 0.5 on training words with character boxes;
# see tools/analysis/eval_char_boxes.py.
_THRESHOLD = 0.1  # of a map's peak
_SHARE = 0.3  # of the largest piece: what a separate piece must weigh to belong to the character
_BREAK = 3  # cells without the character that make a piece a separate one
_FILL = 0.3  # share of the gap to a neighbor that each of both takes
_LINE = 0.3  # how far top and bottom move towards those of the word
_MARGIN = 1.0  # cells: maps are blurred, letters are not


def monotone_cuts(claims: np.ndarray, least: int = 1) -> np.ndarray:
    r"""Cut the columns of a word into one cell per character, in order.

    The cuts are those that leave each character most of its claims:

    .. math::
        \max_{c_1 \le \dots \le c_{L-1}} \sum_k \sum_{c_{k-1} \le x < c_k} s_k(x)

    What a character claims elsewhere, as where a map lights up both of two equal letters, counts
    for nothing. ``claims`` are (L, W), L >= 1; cells have at least ``least`` columns, or less where
    they would not fit. The result are L + 1 edges from 0 to W, found by dynamic programming.
    """
    count, width = claims.shape
    least = min(least, width // count)
    summed = np.concatenate([np.zeros((count, 1)), np.cumsum(claims, 1, dtype=np.float64)], 1)
    best = np.where(np.arange(width + 1) == 0, 0, -np.inf)
    starts = []
    for k in range(count):
        gain = np.full(width + 1, -np.inf)
        gain[least:] = (best - summed[k])[:width + 1 - least]
        highest = np.maximum.accumulate(gain)
        # The last column that reaches the highest gain so far.
        columns = np.where(gain == highest, np.arange(width + 1), 0)
        starts.append(np.maximum.accumulate(columns) - least)
        best = highest + summed[k]
    edges = [width]
    for start in reversed(starts):
        edges.append(int(start[edges[-1]]))
    return np.array(edges[::-1])


def character_boxes(glyph_maps: Mapping[str, np.ndarray], valid_ratio: float = 1.0,
                    back: np.ndarray | None = None) -> np.ndarray:
    """Boxes of the characters of a word, float64 (L, 4); their edges never decrease.

    1. The maps of all scales are stretched to one grid and joined by their geometric mean: a pixel
       is a character's where every scale says so.
    2. :func:`monotone_cuts` gives each character a cell of columns, so boxes never come out of
       order, and the same letter twice in a word cannot share a box.
    3. Within its cell a character extends as far as its map reaches a tenth of its peak. Pieces
       that lie apart (three cells or more) and weigh less than 0.3 of the largest are noise, as of
       the edge of a sign; the dot of an i lies closer.
    4. Each box grows by one cell, since maps are blurred, by 0.3 of the gap to its neighbors, and
       by 0.3 of the way to the top and the bottom of the word: what belongs to a letter on
       a line of text is less than its cell and more than its ink.

    Maps are probabilities (L, h, w) of each scale; beyond ``valid_ratio`` of their width is padding
    and no character. Where they lie over another view of a picture, and boxes of the picture itself
    are wanted, ``back`` (2, 3) tells where a point of it is in the maps, both as shares of width
    and height.
    """
    maps, width = _joined(glyph_maps, valid_ratio, back)
    if not len(maps):
        return np.zeros((0, 4))
    end = valid_ratio if back is None else 1
    return cell_boxes(_cells(maps), (maps.shape[1], width)).clip(0, [end, 1, end, 1])


def cell_boxes(cells: Sequence[tuple[np.ndarray, int, int]], size: tuple[int, int]) -> np.ndarray:
    """Boxes (L, 4) by steps 3 and 4 of :func:`character_boxes`, as shares of a grid of ``size``
    (H, W). Of each of L >= 1 characters: its map (H, W), and the columns where its cell begins and
    ends."""
    boxes = np.array([_extents(*cell) for cell in cells], np.float64)
    gaps = _FILL * np.maximum(boxes[1:, 0] - boxes[:-1, 2], 0)
    top, bottom = boxes[:, 1].min(), boxes[:, 3].max()
    boxes[1:, 0] -= gaps
    boxes[:-1, 2] += gaps
    boxes[:, 1] += _LINE * (top - boxes[:, 1])
    boxes[:, 3] += _LINE * (bottom - boxes[:, 3])
    boxes += np.array([-_MARGIN, -_MARGIN, _MARGIN, _MARGIN])
    return boxes / [size[1], size[0], size[1], size[0]]


def label_boxes(labels: np.ndarray) -> np.ndarray:
    """Boxes (K, 4) of the numbers, from 1 on, that stand in ``labels`` (H, W), from left to right,
    by steps 3 and 4 of :func:`character_boxes`, as shares of both sides."""
    numbers = [number for number in np.unique(labels) if number > 0]
    if not numbers:
        return np.zeros((0, 4))
    masks = [(labels == number).astype(np.float32) for number in numbers]
    masks.sort(key=lambda mask: np.nonzero(mask)[1].mean())
    width = labels.shape[1]
    return cell_boxes([(mask, 0, width) for mask in masks], labels.shape).clip(0, 1)


def _joined(glyph_maps: Mapping[str, np.ndarray], valid_ratio: float,
            back: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    """Geometric mean (L, H, W') of the maps of all scales over one grid, without the columns of
    padding, and the columns W with them."""
    length = len(next(iter(glyph_maps.values())))
    ratio = valid_ratio if back is None else 1
    # At least two columns for each character.
    height, width = GRID[0], max(GRID[1], ceil(2 * length / ratio))
    joined = np.ones((length, height, width), np.float32)
    for maps in glyph_maps.values():
        for product, values in zip(joined, maps):
            product *= _stretched(np.asarray(values, np.float32), (width, height), back)
    joined = joined[:, :, :ceil(width * ratio)]
    # A root of the product; that of NumPy is much faster than a power.
    root = np.sqrt(joined) if len(glyph_maps) == 2 else joined ** (1 / len(glyph_maps))
    return root, width


def _stretched(values: np.ndarray, size: tuple[int, int], back: np.ndarray | None) -> np.ndarray:
    if back is None:
        return cv2.resize(values, size, interpolation=cv2.INTER_LINEAR)
    # Shares of both sides, between the centers of cells.
    height, width = values.shape
    cells = np.array([[width], [height]])
    matrix = cells * back / [*size, 1]
    matrix[:, 2] += matrix[:, :2].sum(1) / 2 - 0.5
    return cv2.warpAffine(values, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def _cells(maps: np.ndarray) -> list[tuple[np.ndarray, int, int]]:
    edges = monotone_cuts(maps.sum(1), least=2)
    return list(zip(maps, edges[:-1], edges[1:]))


def _extents(values: np.ndarray, start: int, end: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a character within its cell."""
    cell = values[:, start:end]
    left, right = _extent(cell, axis=0)
    top, bottom = _extent(cell[:, left:right], axis=1)
    return start + left, top, start + right, bottom


def _extent(cell: np.ndarray, axis: int) -> tuple[int, int]:
    """From where to where a map reaches along one axis, without separate small pieces."""
    peaks, mass = cell.max(axis), cell.sum(axis)
    inside = np.concatenate([[False], peaks >= _THRESHOLD * peaks.max(), [False]])
    begins, ends = np.flatnonzero(np.diff(inside.astype(np.int8))).reshape(-1, 2).T
    weights = np.add.reduceat(mass * inside[1:-1], begins)
    first = last = int(weights.argmax())
    close, heavy = begins[1:] - ends[:-1] <= _BREAK, weights >= _SHARE * weights.max()
    while first > 0 and (close[first - 1] or heavy[first - 1]):
        first -= 1
    while last + 1 < len(begins) and (close[last] or heavy[last + 1]):
        last += 1
    return int(begins[first]), int(ends[last])


def box_pixels(boxes: np.ndarray, size: tuple[int, int], valid_ratio: float = 1.0,
               grid: np.ndarray | None = None) -> np.ndarray:
    """Take boxes (L, 4) back to the picture that was read: x1, y1, x2, y2 in pixels, within it.

    Args:
        boxes: Shares of what the network saw.
        size: Width and height of the picture.
        valid_ratio: Share of the network's input, from the left, that is no padding.
        grid: Where a preprocessor sampled the input for each pixel of what the network saw,
            (h, w, 2): x, y in [-1, 1], -1 and 1 the centers of the outermost pixels. A box is then
            the bounds of where its pixels came from.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if grid is not None:
        boxes = np.array([_source_bounds(box, grid) for box in boxes]).reshape(-1, 4)
    shares = boxes / [valid_ratio, 1, valid_ratio, 1]
    return shares.clip(0, 1) * [size[0], size[1], size[0], size[1]]


def _source_bounds(box: np.ndarray, grid: np.ndarray) -> np.ndarray:
    height, width = grid.shape[:2]
    x0, x1 = _span(box[0], box[2], width)
    y0, y1 = _span(box[1], box[3], height)
    points = grid[y0:y1, x0:x1].reshape(-1, 2).astype(np.float64)
    cells = np.array([width, height])
    # From centers of outermost pixels to shares of the whole, and half a pixel around each center.
    shares = ((points + 1) / 2 * (cells - 1) + 0.5) / cells
    return np.concatenate([shares.min(0) - 0.5 / cells, shares.max(0) + 0.5 / cells])


def _span(low: float, high: float, cells: int) -> tuple[int, int]:
    start = min(int(low * cells), cells - 1)
    return start, max(start + 1, int(np.ceil(high * cells)))


def character_mask(glyph_maps: Mapping[str, np.ndarray], background: Mapping[str, np.ndarray],
                   size: tuple[int, int], valid_ratio: float = 1.0) -> np.ndarray:
    """Which character each pixel of a picture, ``size`` wide and high, belongs to: 0 on background
    and k on the k-th character, (height, width), uint8, or uint16 for more than 255 characters.

    ``background`` is the probability of no character, (h, w), of each scale; the others are as for
    :func:`character_boxes`.
    """
    maps = {scale: np.concatenate([background[scale][None], values])
            for scale, values in glyph_maps.items()}
    joined, _ = _joined(maps, valid_ratio)
    labels = np.zeros(joined.shape[1:], np.uint8 if len(joined) <= 256 else np.uint16)
    cells = _cells(joined[1:]) if len(joined) > 1 else []
    for k, (values, start, end) in enumerate(cells, 1):
        labels[:, start:end] = k * (values > joined[0])[:, start:end]
    return cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST)
