"""Many words with their labels and readings on one picture."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from .glyph_drawing import _INK, _WRONG, _checked_image, _font, _written

__all__ = ['SheetWord', 'draw_word_sheet']

CELL = (208, 64)  # width, height of a word in pixels
LINES, LINE, GAP = 2, 19, 10
_FAINT = (150, 150, 150)


class SheetWord(NamedTuple):
    """A word on the sheet.

    Attributes:
        image (ndarray or None): uint8, BGR (H, W, 3) or grey (H, W); None if it cannot be shown.
        label (str): What it says.
        reading (str): What was read.
        source (str): Where it is from, written small. Defaults to ''.
    """
    image: np.ndarray | None
    label: str
    reading: str
    source: str = ''


def draw_word_sheet(words: Sequence[SheetWord], columns: int = 5) -> np.ndarray:
    """Draw words in rows, each with its label and, in red below it, what was read.

    Args:
        words (Sequence[SheetWord]): The words, in reading order.
        columns (int): Words in a row. Defaults to 5.

    Returns:
        ndarray: uint8 BGR.

    Raises:
        ValueError: If there are no words, ``columns`` is not positive or an image is of no kind
            that can be drawn.
    """
    if not words or columns < 1:
        raise ValueError(f'expected at least one word and one column, but got {len(words)} and '
                         f'{columns}')
    columns = min(columns, len(words))
    step = (CELL[0] + GAP, CELL[1] + LINES * LINE + GAP)
    rows = -(-len(words) // columns)
    canvas = np.full((rows * step[1] + GAP, columns * step[0] + GAP, 3), 255, np.uint8)
    labels = []
    for i, word in enumerate(words):
        x, y = GAP + (i % columns) * step[0], GAP + (i // columns) * step[1]
        if word.image is not None:
            shown = _fitted(_checked_image(word.image))
            canvas[y:y + shown.shape[0], x:x + shown.shape[1]] = shown
        base = y + CELL[1] + LINE - 4
        source = _shortened(word.source, CELL[0] // 2, 10)
        room = CELL[0] - int(_font(10).getlength(source)) - 6
        labels += [
            ((x, base), _shortened(word.label or '(empty)', room, 14), 14, _INK),
            ((x + room + 6, base), source, 10, _FAINT),
            ((x, base + LINE), _shortened(word.reading or '(nothing)', CELL[0], 14), 14, _WRONG),
        ]
    return _written(canvas, labels)


def _fitted(image: np.ndarray) -> np.ndarray:
    """As large as a cell allows, in the proportions of the image."""
    height, width = image.shape[:2]
    scale = min(CELL[0] / width, CELL[1] / height)
    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return cv2.resize(image, size,
                      interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _shortened(text: str, width: int, size: int) -> str:
    font = _font(size)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + '...') > width:
        text = text[:-1]
    return text + '...'
