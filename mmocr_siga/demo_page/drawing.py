"""Pictures of the page: boxes on a word, outlines and readings on a scene. All are uint8 BGR."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from ..visualization.glyph_drawing import _font, _written, character_colours

__all__ = ['boxed_word', 'drawn_scene', 'sample_word']

WORD = (720, 240)  # most width and height of a word in pixels
_OUTLINE, _SKIPPED, _PAPER, _INK = (30, 150, 30), (90, 90, 220), (255, 255, 255), (20, 90, 20)


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


def drawn_scene(image: np.ndarray, words: Sequence[tuple[Sequence, str]],
                skipped: Sequence[Sequence] = ()) -> np.ndarray:
    """Draw outlines and, where there is room, what was read above them.

    Args:
        image (ndarray): The picture, uint8 BGR (H, W, 3).
        words (sequence): Outline, the (x, y) of each point, and text of each word.
        skipped (sequence): Outlines of regions that were not read. Defaults to ().

    Returns:
        ndarray: As large as the picture.
    """
    out = image.copy()
    thick = max(1, round(max(image.shape[:2]) / 600))
    size = max(11, round(max(image.shape[:2]) / 60))
    for outlines, colour in ((skipped, _SKIPPED), ([outline for outline, _ in words], _OUTLINE)):
        for outline in outlines:
            points = np.asarray(outline, np.float64).reshape(-1, 2).round().astype(np.int32)
            cv2.polylines(out, [points.reshape(-1, 1, 2)], True, colour, thick, cv2.LINE_AA)
    labels = []
    taken = np.zeros(image.shape[:2], bool)
    for outline, text in words:
        points = np.asarray(outline, np.float64).reshape(-1, 2)
        width = int(_font(size).getlength(text)) + 6
        x = int(np.clip(points[:, 0].min(), 0, max(0, image.shape[1] - width)))
        y = int(np.clip(points[:, 1].min() - 3, size + 4, image.shape[0]))
        room = taken[y - size - 4:y, x:x + width]
        # Where words crowd, some go without: all are in the table.
        if not text or room.any():
            continue
        room[:] = True
        cv2.rectangle(out, (x, y - size - 4), (x + width, y), _PAPER, -1)
        labels.append(((x + 3, y - 4), text, size, _INK))
    return _written(out, labels)


def sample_word(text: str, ground: tuple[int, int, int], ink: tuple[int, int, int]) -> np.ndarray:
    """A printed word, for somebody who has no picture at hand."""
    width = int(_font(56).getlength(text)) + 40
    paper = np.full((84, width, 3), ground, np.uint8)
    return _written(paper, [((20, 62), text, 56, ink)])
