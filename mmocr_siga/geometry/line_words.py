"""Words of a line that was found as one: by the spaces that were read, or by the gaps in its mask.

The first word begins where the line begins, the last one ends where it ends. Where two meet, each
ends a tenth of the line's height beyond its characters, or half way to the other.
"""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

__all__ = ['LineWord', 'even_boxes', 'gap_spans', 'split_line']

_BESIDE = 0.1


class LineWord(NamedTuple):
    """Characters ``[begin, end)`` of a line, and where they are in its crop."""
    begin: int
    end: int
    left: float
    right: float


def split_line(text: str, boxes: Sequence[Sequence[float]],
               inner: Sequence[float]) -> list[LineWord]:
    """The words of a line, split at its spaces, in reading order; none without other characters.

    ``boxes`` (L, 4) are left, top, right and bottom of each of the L characters that were read,
    ``inner`` those of the line.
    """
    found = [match.span() for match in re.finditer(r'\S+', text)]
    spans = [(min(boxes[i][0] for i in range(*span)), max(boxes[i][2] for i in range(*span)))
             for span in found]
    left, top, right, bottom = inner
    return [LineWord(*span, *ends)
            for span, ends in zip(found, _apart(spans, left, right, _BESIDE * (bottom - top)))]


def even_boxes(count: int, inner: Sequence[float]) -> np.ndarray:
    """Boxes (L, 4) of L characters that share a line, ``inner``, for want of better."""
    left, top, right, bottom = inner
    edges = np.linspace(left, right, count + 1)
    return np.stack([edges[:-1], np.full(count, top), edges[1:], np.full(count, bottom)], 1)


def gap_spans(mask: np.ndarray, min_gap: float) -> list[tuple[float, float]]:
    """Left and right ends of what a text mask, bool (H, W), shows between gaps: columns without
    text, together wider than ``min_gap`` times its height. None where there is no text."""
    columns = np.flatnonzero(mask.any(0))
    height, width = mask.shape
    last = np.flatnonzero(np.diff(columns) - 1 > min_gap * height)
    spans = zip(columns[[0, *(last + 1)]].tolist(), (columns[[*last, -1]] + 1).tolist()) \
        if columns.size else ()
    return _apart(list(spans), 0, width, _BESIDE * height)


def _apart(spans: list[tuple[float, float]], left: float, right: float,
           beside: float) -> list[tuple[float, float]]:
    """Ends of words from those of their characters."""
    cuts = [left]
    for (_, end), (begin, _) in zip(spans, spans[1:]):
        middle = (end + begin) / 2
        cuts += [min(end + beside, middle), max(begin - beside, middle)]
    cuts.append(right)
    return list(zip(cuts[::2], cuts[1::2])) if spans else []
