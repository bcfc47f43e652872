"""Boards of licence plates: a rim, the issuer's name, stickers, an emblem between the groups."""
from __future__ import annotations

import cv2
import numpy as np

from .backgrounds import linear_ramp
from .colors import luminance, random_color
from .effects import blend
from .fonts import FontFace, open_face
from .layout import write_line

ISSUERS = ('California', 'TEXAS', 'New York', 'Illinois', 'FLORIDA', 'Ohio', 'NEVADA', 'Utah',
           'Arizona', 'OREGON', 'Georgia', 'EXEMPT', 'Maine', 'VIRGINIA', 'Alaska', 'dealer')


def plate_board(rng: np.random.Generator, ink: np.ndarray, unit: float,
                face: FontFace) -> np.ndarray:
    """Draw the board under a number, ``ink`` (H, W) of a cap height of ``unit`` pixels, with small
    print in ``face``: float32 BGR (H, W, 3), about [0, 255]."""
    dark = rng.random() < 0.12
    value = rng.uniform(15, 90) if dark else rng.uniform(165, 250)
    color = value + rng.uniform(-22, 12, 3)
    if rng.random() < 0.15:
        color = random_color(rng)
    image = color + linear_ramp(rng, ink.shape)[..., None] * rng.uniform(-30, 30, 3)
    image = np.ascontiguousarray(image, dtype=np.float32)
    x, y, width, height = cv2.boundingRect((ink > 127).view(np.uint8))
    if rng.random() < 0.5:
        image = _small_print(rng, image, (x, y - 0.12 * unit), width, unit, face)
    if rng.random() < 0.25:
        image = _small_print(rng, image, (x, y + height + 0.5 * unit), width, unit, face)
    if rng.random() < 0.3:
        _sticker(rng, image, x, y, width, height, unit)
    if rng.random() < 0.35:
        _emblem(rng, image, ink[:, x:x + width], x, y + height / 2, unit)
    if rng.random() < 0.5:
        _rim(rng, image, (x, y, width, height), unit)
    return image


def _small_print(rng: np.random.Generator, image: np.ndarray, base: tuple[float, float],
                 width: int, unit: float, face: FontFace) -> np.ndarray:
    """A line in the middle of the number's width, on the baseline ``base``."""
    text = ISSUERS[int(rng.integers(len(ISSUERS)))]
    if not set(text) <= face.characters:
        return image
    size = face.size_for(rng.uniform(0.2, 0.42) * unit)
    coverage = np.zeros(image.shape[:2], np.uint8)
    start = base[0] + (width - open_face(face.path, size).getlength(text)) / 2
    write_line(coverage, face, text, size, start + rng.normal() * 0.1 * width, base[1])
    return blend(image, coverage.astype(np.float32) / 255, random_color(rng))


def _sticker(rng: np.random.Generator, image: np.ndarray, x: int, y: int, width: int,
             height: int, unit: float) -> None:
    """A colored rectangle over a corner, outside of the number."""
    side = rng.uniform(0.3, 0.6) * unit
    left = x - 0.2 * unit if rng.random() < 0.5 else x + width - side + 0.2 * unit
    top = y - 0.1 * unit - side if rng.random() < 0.7 else y + height + 0.1 * unit
    corners = np.array([left, top, left + side * rng.uniform(1, 1.6), top + side]).round()
    x0, y0, x1, y1 = corners.astype(int).tolist()
    cv2.rectangle(image, (x0, y0), (x1, y1), random_color(rng).tolist(), -1)


def _emblem(rng: np.random.Generator, image: np.ndarray, ink: np.ndarray, x: int, middle: float,
            unit: float) -> None:
    """A spot in the widest gap of the number, if it has one that is wider than a letter's."""
    written = np.flatnonzero((ink > 127).any(0))
    gaps = np.diff(written)
    if not len(gaps) or gaps.max() < 0.4 * unit:
        return
    widest = int(gaps.argmax())
    center = x + (written[widest] + written[widest + 1]) / 2
    radius = max(1, int(rng.uniform(0.1, 0.16) * min(unit, gaps[widest])))
    at = int(round(center)), int(round(middle + rng.normal() * 0.05 * unit))
    color = random_color(rng).tolist()
    if rng.random() < 0.5:
        cv2.circle(image, at, radius, color, -1, cv2.LINE_AA)
    else:
        cv2.rectangle(image, (at[0] - radius, at[1] - radius), (at[0] + radius, at[1] + radius),
                      color, -1)


def _rim(rng: np.random.Generator, image: np.ndarray, box: tuple[int, int, int, int],
         unit: float) -> None:
    """A line around the number and, at times, something darker beyond it."""
    x, y, width, height = box
    gap = rng.uniform(0.12, 0.4, 4) * unit
    thickness = max(1, int(round(rng.uniform(0.03, 0.12) * unit)))
    x0, y0 = int(x - gap[0]), int(y - gap[1])
    x1, y1 = int(x + width + gap[2]), int(y + height + gap[3])
    if rng.random() < 0.5:
        outside = np.ones(image.shape[:2], bool)
        outside[max(y0, 0):max(y1, 0), max(x0, 0):max(x1, 0)] = False
        image[outside] = random_color(rng) * np.float32(0.7)
    color = random_color(rng)
    if luminance(color) > 150:
        color = color * np.float32(0.4)
    cv2.rectangle(image, (x0, y0), (x1, y1), color.tolist(), thickness, cv2.LINE_AA)
