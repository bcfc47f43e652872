"""Many words with their labels and readings on one picture."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..images import to_bgr_uint8
from .canvas import FAINT, INK, WRONG, fitted, paper, shortened, written, written_width

__all__ = ['SheetWord', 'draw_word_sheet']

CELL = (208, 64)  # width, height of a word in pixels
LINE, GAP = 19, 10


class SheetWord(NamedTuple):
    image: np.ndarray | None  # for :func:`to_bgr_uint8`; None if it cannot be shown
    label: str
    reading: str | None = None  # None: it was not read
    source: str = ''  # where it is from, written small


def draw_word_sheet(words: Sequence[SheetWord], columns: int = 5,
                    cell: tuple[int, int] = CELL) -> np.ndarray:
    """Draw words in rows, each with its label and, in red below it, what was read; uint8 BGR.

    ``cell`` is the width and height, in pixels, that a picture is scaled to fit into.
    """
    if not words or columns < 1:
        raise ValueError(f'expected at least one word and one column, but got {len(words)} and '
                         f'{columns}')
    columns = min(columns, len(words))
    lines = 1 if all(word.reading is None for word in words) else 2
    step = (cell[0] + GAP, cell[1] + lines * LINE + GAP)
    rows = -(-len(words) // columns)
    canvas = paper(rows * step[1] + GAP, columns * step[0] + GAP)
    labels = []
    for i, word in enumerate(words):
        x, y = GAP + (i % columns) * step[0], GAP + (i // columns) * step[1]
        if word.image is not None:
            shown = fitted(to_bgr_uint8(word.image), cell)
            canvas[y:y + shown.shape[0], x:x + shown.shape[1]] = shown
        base = y + cell[1] + LINE - 4
        source = shortened(word.source, cell[0] // 2, 10)
        room = cell[0] - int(written_width(source, 10)) - 6
        labels += [
            ((x, base), shortened(word.label or '(empty)', room, 14), 14, INK),
            ((x + room + 6, base), source, 10, FAINT),
        ]
        if word.reading is not None:
            reading = shortened(word.reading or '(nothing)', cell[0], 14)
            labels.append(((x, base + LINE), reading, 14, WRONG))
    return written(canvas, labels)
