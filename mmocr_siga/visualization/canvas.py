"""What all drawings share: colors, letters, and pictures fitted into a cell; uint8 BGR."""
from __future__ import annotations

import colorsys
import contextlib
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import groupby

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..rendering.fonts import character_map, find_font_files

__all__ = [
    'FAINT', 'GAP', 'INK', 'RIGHT', 'WRONG', 'character_colors', 'fitted', 'fitting_size', 'framed',
    'paper', 'shortened', 'written', 'written_width'
]

GAP = 12  # pixels between parts of a drawing
INK, FAINT = (40, 40, 40), (150, 150, 150)
RIGHT, WRONG = (60, 140, 20), (40, 30, 200)
PROBE = 20  # size at which fonts are tried
FANCY = ('bold', 'black', 'heavy', 'thin', 'light', 'italic', 'oblique', 'condensed', 'mono',
         'serif')


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


@lru_cache(maxsize=256)
def font(size: int, path: str | None = None) -> ImageFont.FreeTypeFont:
    """A font file, by default DejaVu Sans, at a size in pixels."""
    face = ImageFont.truetype(path or _plain_faces()[0], size,
                              layout_engine=ImageFont.Layout.BASIC)
    with contextlib.suppress(OSError, ValueError):  # of one weight, or none of that name
        face.set_variation_by_name('Regular')
    return face


@lru_cache(maxsize=1)
def _plain_faces() -> list[str]:
    from matplotlib import font_manager
    return [font_manager.findfont('DejaVu Sans', fallback_to_default=True)]


@lru_cache(maxsize=1)
def _other_faces() -> list[str]:
    """Font files of the system, plain ones first."""
    return sorted(find_font_files(), key=lambda path: (
        sum(word in path.lower() for word in FANCY), path))


@cache
def face_of(char: str) -> str | None:
    """The font file that a character is written with: DejaVu Sans, or another of the system that
    has it; None if there is none, or nothing to see."""
    if not char.isprintable():
        return None
    # Other fonts are looked for when one is needed.
    return next((path for faces in (_plain_faces, _other_faces) for path in faces()
                 if _draws(path, char)), None)


def _draws(path: str, char: str) -> bool:
    if ord(char) not in character_map(path):
        return False
    try:
        return char == ' ' or font(PROBE, path).getmask(char).getbbox() is not None
    except (OSError, ValueError):  # pictures in color, in one size
        return False


def runs(text: str, size: int) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """Parts of a text, each with a font that has its characters; of those that no font has, and of
    spaces and marks that cannot be seen, the code points are written: U+4EAC."""
    return [(''.join(chars) if path else ' '.join(f'U+{ord(char):04X}' for char in chars),
             font(size, path)) for path, chars in groupby(text, face_of)]


def written_width(text: str, size: int) -> float:
    """Pixels that a text takes."""
    return sum(face.getlength(part) for part, face in runs(text, size))


def fitting_size(text: str, width: float, sizes: tuple[int, int]) -> int:
    """The greatest size from ``sizes``, least and greatest, at which a text fits; else the least.
    """
    return next((size for size in range(sizes[1], sizes[0], -1)
                 if written_width(text, size) <= width), sizes[0])


def shortened(text: str, width: float, size: int) -> str:
    """A text cut to so many pixels."""
    if len(text) <= width and written_width(text, size) <= width:
        return text
    low, high = 0, min(len(text), int(width))  # a character takes a pixel at least
    while low < high:
        middle = (low + high + 1) // 2
        if written_width(text[:middle] + '...', size) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low] + '...'


def written(canvas: np.ndarray, labels: Sequence[tuple]) -> np.ndarray:
    """Write labels: (left end of the baseline, text, size, color)."""
    picture = Image.fromarray(np.ascontiguousarray(canvas[..., ::-1]))
    draw = ImageDraw.Draw(picture)
    for (x, y), text, size, color in labels:
        for part, face in runs(text, size):
            draw.text((x, y), part, font=face, fill=tuple(color[::-1]), anchor='ls')
            x += face.getlength(part)
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])
