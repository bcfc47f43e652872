"""What was found and read in a whole picture."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from ..geometry.polygons import polygon_points
from ..images import to_bgr_uint8
from .canvas import GAP, character_colors, fitting_size, paper, written, written_width

__all__ = ['draw_scene', 'scene_scale']

# Least and greatest length of the longer side of the drawn picture, in pixels.
SIDES = (480, 1600)
TEXT = (11, 40)  # heights of the letters
_SKIPPED = (128, 128, 128)


def scene_scale(height: int, width: int) -> float:
    return float(np.clip(max(height, width), *SIDES)) / max(height, width)


def draw_scene(image: np.ndarray, words: Sequence[Any], skipped: Sequence[Any] = ()) -> np.ndarray:
    """Draw the words of a picture, their outlines and characters on it, the texts beside it: BGR.

    On a pale copy on the right, or below where the picture is wider than high, each text stands in
    the place of its word. Regions that were skipped are gray and crossed out.

    Args:
        words: With ``polygon`` (P, 2) or x and y interleaved, ``text`` and, if they are known,
            ``char_polygons`` (L, 4, 2), as in results of ``SceneInferencer``.
        skipped: With ``polygon``; those that are no polygons are left out.
    """
    image = to_bgr_uint8(image)
    scale = scene_scale(*image.shape[:2])
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    shown = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    # Pale, so that one sees where the words are.
    texts = cv2.addWeighted(shown, 0.15, np.full_like(shown, 255), 0.85, 0)
    labels = []
    for word, color in zip(words, character_colors(len(words)).tolist()):
        outline = _outline(word.polygon, scale)
        if outline is None:
            raise ValueError(f'the polygon of {word.text!r} is none: {word.polygon!r}')
        for character in getattr(word, 'char_polygons', None) or ():
            _draw(shown, _outline(character, scale), color, 1)
        _draw(shown, outline, color, 2)
        _draw(texts, outline, [(255 + c) // 2 for c in color], 1)
        labels.append(_label(word.text, outline, color, size))
    for word in skipped:
        outline = _outline(word.polygon, scale)
        if outline is not None:
            for canvas in (shown, texts):
                _draw(canvas, outline, _SKIPPED, 1)
                _draw(canvas, outline[[0, len(outline) // 2]], _SKIPPED, 1)
    across = image.shape[0] >= image.shape[1]
    gap = paper(size[1], GAP) if across else paper(GAP, size[0])
    return np.concatenate([shown, gap, written(texts, labels)], 1 if across else 0)


def _outline(polygon: Any, scale: float) -> np.ndarray | None:
    """Scaled points, int32 (P, 2); None if they are no polygon."""
    try:
        points = polygon_points(polygon) * scale
    except ValueError:
        return None
    if len(points) < 2 or not np.isfinite(points).all():
        return None
    # OpenCV draws within 16 bits.
    return points.clip(-30_000, 30_000).round().astype(np.int32)


def _draw(canvas: np.ndarray, outline: np.ndarray | None, color: Sequence[int],
          thickness: int) -> None:
    if outline is not None:
        cv2.polylines(canvas, [outline.reshape(-1, 1, 2)], True, tuple(color), thickness,
                      cv2.LINE_AA)


def _label(text: str, outline: np.ndarray, color: Sequence[int], size: tuple[int, int]) -> tuple:
    """Where a text is written, for :func:`.canvas.written`."""
    low, high = outline.min(0), outline.max(0)
    room = int(np.clip(min(high - low) * 0.8, *TEXT))
    room = fitting_size(text, max(high[0] - low[0], 1), (TEXT[0], room))
    width = int(written_width(text, room))
    x = int(np.clip((low[0] + high[0] - width) // 2, 0, max(size[0] - width, 0)))
    y = int(np.clip((low[1] + high[1]) // 2 + room // 3, room, max(size[1] - 2, room)))
    # Light colors are hard to read on white.
    return (x, y), text, room, tuple(int(c * 0.6) for c in color)
