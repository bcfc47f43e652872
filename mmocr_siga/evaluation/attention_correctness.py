"""Whether an attention looks at the character it reads, against character boxes."""
from __future__ import annotations

import numpy as np

__all__ = ['attention_in_boxes']


def attention_in_boxes(attention: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compare the attention of a word with the boxes of its L characters. A cell counts as a
    rectangle of the image over which its mass is spread evenly.

    Args:
        attention: (T, h, w), T >= L, never negative; step t reads character t. Its sums are free.
        boxes: (L, 4): left, top, right and bottom as shares of the image's width and height.

    Returns:
        For each character the share of the attention that falls into its box, float64 (L, ), and
        whether the attention has drifted, bool (L, ): the cell with most of it lies outside.
    """
    attention, boxes = np.asarray(attention, np.float64), np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f'boxes must have the shape (L, 4), but has {boxes.shape}')
    if attention.ndim != 3 or len(attention) < len(boxes):
        raise ValueError(f'attention must have the shape (T, h, w) with T >= {len(boxes)}, but has '
                         f'{attention.shape}')
    attention = attention[:len(boxes)]
    h, w = attention.shape[1:]
    inside = (_overlap(boxes[:, 1], boxes[:, 3], h)[:, :, None]
              * _overlap(boxes[:, 0], boxes[:, 2], w)[:, None])
    share = (attention * inside).sum((1, 2)) / attention.sum((1, 2))
    peak = attention.reshape(len(boxes), h * w).argmax(1)
    drifted = inside.reshape(len(boxes), h * w)[np.arange(len(boxes)), peak] <= 0
    return share, drifted


def _overlap(start: np.ndarray, end: np.ndarray, cells: int) -> np.ndarray:
    """Share of each of so many cells of [0, 1] that lies in [start, end], (L, cells)."""
    edges = np.arange(cells + 1) / cells
    share = (np.minimum(end[:, None], edges[1:]) - np.maximum(start[:, None], edges[:-1])) * cells
    # Rounding would leave a cell that only touches the box a sliver of it.
    return np.where(share > 1e-9, share, 0)
