"""Pictures of the page: boxes on a word, and words to try. All are uint8 BGR."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..visualization.glyph_drawing import _font, _written, character_colours

__all__ = ['boxed_word', 'sample_word']

WORD = (720, 240)  # most width and height of a word in pixels


def boxed_word(image: np.ndarray, boxes: Sequence[Sequence[float]] | None) -> np.ndarray:
    """Enlarge a word and frame its characters.

    Args:
        image (ndarray): The word, uint8 BGR (H, W, 3).
        boxes (sequence, optional): Left, top, right and bottom of each character in pixels of the
            image.

    Returns:
        ndarray: At most 720 x 240.
    """
    scale = min(WORD[0] / image.shape[1], WORD[1] / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    out = cv2.resize(image, size,
                     interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    boxes = np.asarray(boxes if boxes is not None else (), np.float64).reshape(-1, 4) * scale
    for (x1, y1, x2, y2), colour in zip(boxes.round().astype(int).tolist(),
                                        character_colours(len(boxes))):
        cv2.rectangle(out, (x1, y1), (min(x2, size[0]) - 1, min(y2, size[1]) - 1),
                      colour.tolist(), 2)
    return out


def sample_word(text: str, ground: tuple[int, int, int], ink: tuple[int, int, int]) -> np.ndarray:
    """A printed word, for somebody who has no picture at hand."""
    width = int(_font(56).getlength(text)) + 40
    paper = np.full((84, width, 3), ground, np.uint8)
    return _written(paper, [((20, 62), text, 56, ink)])
