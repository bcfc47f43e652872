"""Contact sheets: many words with their labels on one picture."""
from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from PIL import Image, ImageDraw

from .fonts import bundled_font_dir, open_face


def contact_sheet(words: Iterable[tuple[np.ndarray, str]], columns: int = 8,
                  cell: tuple[int, int] = (168, 64), caption: int = 14) -> np.ndarray:
    """Draw words, pictures in uint8 BGR with their labels below, side by side: uint8 BGR.

    ``cell`` is the width and height left for a picture, which is scaled to fit, ``caption`` the
    height of a label in pixels. Without words a ValueError.
    """
    words = list(words)
    if not words:
        raise ValueError('a contact sheet needs at least one word')
    width, height = cell
    rows = -(-len(words) // columns)
    sheet = np.full((rows * (height + caption + 6), columns * (width + 6), 3), 255, np.uint8)
    corners = []
    for i, (picture, _) in enumerate(words):
        x, y = i % columns * (width + 6) + 3, i // columns * (height + caption + 6) + 3
        corners.append((x, y + height))
        scale = min(width / picture.shape[1], height / picture.shape[0])
        size = [max(1, int(n * scale)) for n in picture.shape[1::-1]]
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        sheet[y:y + size[1], x:x + size[0]] = cv2.resize(picture, size, interpolation=how)
    canvas = Image.fromarray(sheet)
    font = open_face(str(bundled_font_dir() / 'DejaVuSans.ttf'), caption - 3)
    for (_, text), corner in zip(words, corners):
        ImageDraw.Draw(canvas).text(corner, text, font=font, fill=(160, 60, 0))
    return np.asarray(canvas)
