"""Characters cut out of the ink of a word, where no map tells them, as pure functions.

L characters, (H, W) the text mask of a word. What a recognizer attended to, if that is known, are
claims (L, w): the share of each character's attention that is on a column.
"""
from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import cv2
import numpy as np

from ..images.two_means import two_means_mask_image
from .character_boxes import GRID, cell_boxes

__all__ = ['ink_boxes', 'ink_cuts', 'ink_mask']

# Chosen by F1 at IoU 0.5 on training words with character boxes;
# see tools/analysis/eval_char_boxes.py.
_EVENNESS = 0.3  # of characters that are not known
_EVENNESS_OF_TEXT = 1.0  # of those that are
_CLAIM = 0.25  # of the alignment of a CTC recognizer
_WIDEST = 2.5  # mean widths
# Of characters in usual faces, to the others'.
_WIDTHS = {**dict.fromkeys("iljI1!|.,:;' ", 0.6), **dict.fromkeys('frt-()[]"', 0.8),
           **dict.fromkeys('mwMW@%', 1.4)}


def ink_cuts(mask: np.ndarray, count: int, widths: Sequence[float] | None = None,
             claims: np.ndarray | None = None, evenness: float = _EVENNESS,
             claim: float = _CLAIM) -> np.ndarray:
    r"""Cut the ink of a word into one cell of columns per character, in order.

    With :math:`m` the mean width of a cell, :math:`i_x` the share of column x that is ink,
    :math:`w_k` the relative widths (1) and :math:`a_k` the claims, the cuts minimize

    .. math::
        \sum_k \lambda \left(\frac{c_{k+1} - c_k}{m} - w_k\right)^2
        + \sum_{k > 0} \min(i_{c_k - 1}, i_{c_k})
        - \mu \sum_k \sum_{c_k \le x < c_{k+1}} a_k(x).

    They go through little ink, leave cells of the expected widths, and each character what the
    recognizer saw of it. Cells have a column at least, and at most 2.5 mean widths.

    Args:
        mask: bool (H, W), True on ink.
        count: Characters L >= 1.
        widths: (L,) to each other; None: all alike.
        claims: (L, W), each row of a sum of at most 1.
        evenness: :math:`\lambda`.
        claim: :math:`\mu`.

    Returns:
        L + 1 edges, from the first column with ink to behind the last one (from 0 to W where that
        is less than a column for each character), found by dynamic programming, exactly.
    """
    mask = np.asarray(mask, bool)
    width = mask.shape[1]
    if width < count:
        return np.linspace(0, width, count + 1).round().astype(int)
    columns = np.flatnonzero(mask.any(0))
    begin, end = (columns[0], columns[-1] + 1) if columns.size else (0, width)
    if end - begin < count:
        begin, end = 0, width
    ink = mask[:, begin:end].mean(0)
    size = end - begin
    mean = size / count
    shares = np.ones(count) if widths is None else np.asarray(widths) * count / np.sum(widths)
    summed = np.zeros((count, size + 1))
    if claims is not None:
        summed[:, 1:] = claim * np.cumsum(claims[:, begin:end], 1, dtype=np.float64)
    steps = np.arange(min(size, ceil(_WIDEST * mean * max(1, shares.max()))), 0, -1)
    cut = np.pad(np.minimum(ink[:-1], ink[1:]), 1)  # none at both ends
    edge = np.arange(size + 1)
    best = np.where(edge == 0, 0, np.inf)
    widest = []
    for k in range(count):
        before = np.pad(best + summed[k], (len(steps), 0), constant_values=np.inf)[:-1]
        before = np.lib.stride_tricks.sliding_window_view(before, len(steps))
        costs = before + evenness * (steps / mean - shares[k]) ** 2
        chosen = costs.argmin(1)
        best = costs[edge, chosen] - summed[k] + cut
        widest.append(steps[chosen])
    edges = [size]
    for step in reversed(widest):
        edges.append(edges[-1] - int(step[edges[-1]]))
    return np.array(edges[::-1]) + begin


def ink_mask(image: np.ndarray, count: int = 1) -> np.ndarray:
    """The text mask of a picture, uint8 (h, w) or BGR (h, w, 3), by two means: bool (32, W), where
    W has room for ``count`` characters, and lines keep their ratio."""
    gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height, width = gray.shape
    columns = max(GRID[1], 2 * count, min(round(GRID[0] * width / height), 32 * count))
    smaller = columns < width
    gray = cv2.resize(gray, (columns, GRID[0]),
                      interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return two_means_mask_image(gray)


def ink_boxes(mask: np.ndarray, text: Sequence[str], claims: np.ndarray | None = None,
              back: np.ndarray | None = None) -> np.ndarray:
    """Boxes of the characters of a word, float64 (L, 4), as shares of what the mask lies over.

    :func:`ink_cuts` gives each character a cell, usual widths of letters being known, in which its
    box is found and grows as in :func:`~mmocr_siga.geometry.character_boxes.character_boxes`.

    Args:
        mask: bool (H, W), see :func:`ink_mask`.
        text: The characters.
        claims: (L, w).
        back: (2, 3), where a point of the mask is on what the claims lie over, both as shares of
            width and height; None: they lie over the same.
    """
    if not len(text):
        return np.zeros((0, 4))
    if claims is not None:
        claims = _over(mask, claims, np.eye(2, 3) if back is None else back)
    edges = ink_cuts(mask, len(text), [_WIDTHS.get(c, 1.0) for c in text], claims,
                     _EVENNESS_OF_TEXT)
    cells = [(mask.astype(np.float32), start, max(end, start + 1))
             for start, end in zip(edges[:-1], edges[1:])]
    return cell_boxes(cells, mask.shape).clip(0, 1)


def _over(mask: np.ndarray, claims: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Claims (L, w) of columns of something else as those (L, W) of the columns of a mask, by its
    ink where both are turned to each other."""
    height, width = mask.shape
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    if back[0][1] == 0:
        x, y, mask = x[:1], y[:1], np.ones((1, width), bool)
    columns = claims.shape[1]
    place = (back[0][0] * x + back[0][1] * y + back[0][2]) * columns - 0.5
    weights = np.where(mask.any(0), mask, True) / np.where(mask.any(0), mask.sum(0), height)
    found = np.stack([(np.interp(place, np.arange(columns), row, 0, 0) * weights).sum(0)
                      for row in claims])
    return found / np.maximum(found.sum(1, keepdims=True), 1e-6)
