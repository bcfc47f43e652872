"""What all drawings share: colors, letters, and pictures fitted into a cell; uint8 BGR."""
from __future__ import annotations

import colorsys
from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

__all__ = [
    'FAINT', 'GAP', 'INK', 'RIGHT', 'WRONG', 'character_colors', 'fitted', 'font', 'framed',
    'paper', 'shortened', 'written'
]

GAP = 12  # pixels between parts of a drawing
INK, FAINT = (40, 40, 40), (150, 150, 150)
RIGHT, WRONG = (60, 140, 20), (40, 30, 200)


def character_colors(count: int) -> np.ndarray:
    """Colors (count, 3) that differ most between neighbors."""
    # Steps of the golden ratio around the hue circle never come back close to recent colors.
    hues = (0.02 + 0.61803399 * np.arange(count)) % 1.0
    rgb = [colorsys.hsv_to_rgb(h, 0.85, 0.95) for h in hues]
    return (255 * np.array(rgb).reshape(count, 3)[:, ::-1]).round().astype(np.uint8)


def paper(height: int, width: int) -> np.ndarray:
    """A white picture."""
    return np.full((height, width, 3), 255, np.uint8)


def fitted(image: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    """As large as a cell (width, height) allows, in the proportions of the image."""
    height, width = image.shape[:2]
    scale = min(cell[0] / width, cell[1] / height)
    size = (max(8, int(width * scale)), max(8, int(height * scale)))
    return cv2.resize(image, size,
                      interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def framed(shown: np.ndarray, boxes: Sequence[Sequence[float]], image: np.ndarray) -> np.ndarray:
    """A copy of what is shown of an image with frames at boxes (L, 4), in pixels of the image; NaN:
    none."""
    shown = shown.copy()
    height, width = shown.shape[:2]
    scale = np.tile([width / image.shape[1], height / image.shape[0]], 2)
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4) * scale
    for box, color in zip(boxes.round(), character_colors(len(boxes))):
        if not np.isnan(box).any():
            x0, y0, x1, y1 = box.astype(int).tolist()
            cv2.rectangle(shown, (x0, y0), (min(x1, width) - 1, min(y1, height) - 1),
                          color.tolist(), 2)
    return shown


@lru_cache(maxsize=32)
def font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans."""
    from matplotlib import font_manager
    path = font_manager.findfont('DejaVu Sans', fallback_to_default=True)
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def shortened(text: str, width: int, size: int) -> str:
    """A text cut to so many pixels."""
    if font(size).getlength(text) <= width:
        return text
    while text and font(size).getlength(text + '...') > width:
        text = text[:-1]
    return text + '...'


def written(canvas: np.ndarray, labels: Sequence[tuple]) -> np.ndarray:
    """Write labels: (left end of the baseline, text, size, color)."""
    picture = Image.fromarray(np.ascontiguousarray(canvas[..., ::-1]))
    draw = ImageDraw.Draw(picture)
    for position, text, size, color in labels:
        draw.text(position, text, font=font(size), fill=tuple(color[::-1]), anchor='ls')
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])
