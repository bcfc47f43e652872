"""Words of a picture drawn in one plain face in their places: what is asked of a picture whose
text has lost its style (ODM, Duan et al., CVPR 2024, arXiv 2403.00303; how its labels are drawn is
not published)."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import cv2
import numpy as np

from ..geometry.crops import Borders, reading_directions
from ..geometry.polygons import check_polygon, extent, resample_border
from .fonts import FontFace, bundled_font_dir, character_map, probe_face
from .layout import lay_out

__all__ = ['closest_case', 'draw_plain_in_box', 'draw_plain_words', 'plain_borders', 'plain_face',
           'plain_word', 'rewritten_box']

STRIPS = 16  # that a word of more than four corners is cut into
FINER = 2  # it is drawn at so many times the size, and averaged
MOST_CHARACTERS = 255
# Cap heights that lines are laid out at, in steps, so that few sizes of the face are opened.
_CAPS, _STEP = (24, 200), 8
_MOST_SIDE = 4096


@cache
def plain_face(path: str | None = None) -> FontFace:
    """A font file with all of its characters; without one DejaVu Sans as matplotlib carries it, so
    that drawings are the same on every machine. A ValueError if it draws no capitals."""
    path = path or str(bundled_font_dir() / 'DejaVuSans.ttf')
    face = probe_face(path, 'HEIT', 1.0, -1.0)
    if face is None:
        raise ValueError(f'{path} is no font file that has the letters H, E, I and T')
    return replace(face, characters=frozenset(map(chr, character_map(path))))


def plain_borders(polygon: Sequence | np.ndarray, text: str, face: FontFace) -> Borders | None:
    """Top and bottom border along which a word is drawn; None if its polygon cannot be used or the
    face lacks some of its characters.

    Of the directions in which a high word may run, the one whose proportions are closest to those
    of the text: a narrow letter stands upright.
    """
    points = check_polygon(polygon).points
    if points is None or not _can_write(face, text):
        return None
    ways = reading_directions(points)
    if len(ways) == 1:
        return ways[0]
    height, width = _tight_line(face, text, _CAPS[0]).shape
    misfit = [abs(np.log(max(wide, 1e-6) / max(high, 1e-6) * height / width))
              for wide, high in (extent(*way) for way in ways)]
    return ways[int(np.argmin(np.round(misfit, 6)))]


def draw_plain_words(size: tuple[int, int], words: Sequence[tuple[Sequence | np.ndarray, str]],
                     face: FontFace) -> tuple[np.ndarray, np.ndarray]:
    """Draw words, pairs of a polygon and a text, upright in a picture of a height and width.

    A text fills its polygon (x and y interleaved, or (P, 2), the first point where reading begins):
    the box of its ink is taken to the region between its borders by a homography, or, where they
    have more than two points, strip by strip. Words for which :func:`plain_borders` is None are
    left out.

    Returns:
        Ink, uint8 (H, W), 255 where a pixel is covered, and the number, int32 (H, W), of the word
        that covers most of it, counted from 1; 0 where there is no ink.
    """
    ink, numbers = np.zeros(size, np.uint8), np.zeros(size, np.int32)
    for number, (polygon, text) in enumerate(words, 1):
        borders = plain_borders(polygon, text, face)
        drawn = None if borders is None else _draw_word(size, *borders, face, text)
        if drawn is not None:
            (x, y), word = drawn
            window = slice(y, y + word.shape[0]), slice(x, x + word.shape[1])
            numbers[window][(word > 0) & (word >= ink[window])] = number
            np.maximum(ink[window], word, out=ink[window])
    return ink, numbers


def plain_word(text: str, face: FontFace, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A straight word whose ink fills a box of a height and width: ink, uint8 (H, W), and the
    middles of its L characters, float64 (L, 2), x and y in pixels; NaN for a blank."""
    labels = lay_out(face, text, _CAPS[1], margin=0).labels
    left, top, width, height = cv2.boundingRect((labels > 0).view(np.uint8))
    boxes = np.array([cv2.boundingRect((labels == k + 1).view(np.uint8))
                      for k in range(len(text))], np.float64)
    middles = (boxes[:, :2] + boxes[:, 2:] / 2 - (left, top)) * (size[1] / width, size[0] / height)
    middles[boxes[:, 2] == 0] = np.nan
    return _line(face, text, size[1], size[0]), middles


def draw_plain_in_box(size: tuple[int, int], box: Sequence[float], text: str,
                      face: FontFace | None = None) -> np.ndarray:
    """One word drawn along a row: its ink fills a box (left, top, right, bottom) of a picture of a
    height and width.

    Returns:
        Ink, uint8 (H, W), 255 where a pixel is covered; none for an empty or blank text.

    Raises:
        ValueError: If the face (:func:`plain_face` without one) lacks a character of the text, or
            it has more than 255.
    """
    face = plain_face() if face is None else face
    ink = np.zeros(size, np.uint8)
    if not text.strip():
        return ink
    if not _can_write(face, text):
        lacking = sorted({char for char in text if not char.isspace()} - face.characters)
        raise ValueError(f'{text!r} cannot be drawn: ' + (
            f'the plain face lacks {" ".join(map(repr, lacking))}' if lacking else
            f'it has more than {MOST_CHARACTERS} characters'))
    left, top, right, bottom = map(float, box)
    drawn = _draw_word(size, np.array([[left, top], [right, top]]),
                       np.array([[left, bottom], [right, bottom]]), face, text)
    if drawn is not None:
        (x, y), word = drawn
        ink[y:y + word.shape[0], x:x + word.shape[1]] = word
    return ink


def rewritten_box(box: Sequence[float], old: str, new: str, size: tuple[int, int],
                  face: FontFace | None = None) -> tuple[float, ...]:
    """Box of the ink of a new text in place of an old one, (left, top, right, bottom) both, in a
    picture of a height and width: on the same baseline, in letters as large as the old ones, about
    the same middle, as far as the plain face tells.

    It remains in the picture, moved first and then squeezed, and a sixteenth of the height away
    from the border where the old one did. It is the old box where one of the texts is blank or has
    characters that the face lacks.
    """
    face = plain_face() if face is None else face
    if not (_can_write(face, old) and _can_write(face, new)):
        return tuple(map(float, box))
    (low, high, wide), (new_low, new_high, new_wide) = (_extents(face, text) for text in (old, new))
    left, top, right, bottom = map(float, box)
    scale = (bottom - top) / (high - low)
    half = (right - left) * new_wide / wide / 2
    baseline, middle, border = top - scale * low, (left + right) / 2, size[0] / 16
    left, right = _moved_within(middle - half, middle + half, min(left, border),
                                max(right, size[1] - border))
    top, bottom = _moved_within(baseline + scale * new_low, baseline + scale * new_high,
                                min(top, border), max(bottom, size[0] - border))
    return left, top, right, bottom


def closest_case(text: str, mask: np.ndarray, box: Sequence[float],
                 face: FontFace | None = None) -> str:
    """The text as it is, in small letters, in capitals, or with one in front: what is most like the
    ink, (H, W) in [0, 1], in a box. For readers that do not tell the letter case."""
    def likeness(written: str) -> float:
        drawn = draw_plain_in_box(mask.shape, box, written, face) / np.float32(255)
        return np.minimum(drawn, mask).sum() / max(np.maximum(drawn, mask).sum(), 1e-6)

    if not _can_write(plain_face() if face is None else face, text):
        return text
    return max(dict.fromkeys((text, text.lower(), text.upper(), text.capitalize())), key=likeness)


def _extents(face: FontFace, text: str) -> tuple[int, int, int]:
    """Where the ink of a line begins and ends, counted downwards from the baseline, and how wide it
    is."""
    line = lay_out(face, text, _CAPS[1], margin=0)
    left, top, right, bottom = line.box
    return top - line.baseline, bottom - line.baseline, right - left


def _moved_within(low: float, high: float, first: float, last: float) -> tuple[float, float]:
    length = min(high - low, last - first)
    low = min(max(low, first), last - length)
    return low, low + length


def _can_write(face: FontFace, text: str) -> bool:
    solid = {char for char in text if not char.isspace()}
    return bool(solid) and solid <= face.characters and len(text) <= MOST_CHARACTERS


def _tight_line(face: FontFace, text: str, cap_height: float) -> np.ndarray:
    """A straight line of text cut to its ink, uint8 (h, w)."""
    ink = lay_out(face, text, cap_height, margin=0).ink
    solid = ink > 127
    x, y, w, h = cv2.boundingRect((solid if solid.any() else ink > 0).view(np.uint8))
    return ink[y:y + h, x:x + w] if w else ink


def _draw_word(size: tuple[int, int], top: np.ndarray, bottom: np.ndarray, face: FontFace,
               text: str) -> tuple[tuple[int, int], np.ndarray] | None:
    """Its ink in the pixels around it, and the place (x, y) of these; None outside the picture."""
    points = np.concatenate([top, bottom])
    # Counted from a whole pixel nearby: a word that moves by whole pixels looks the same.
    origin = np.floor(points.min(0)) - 1
    low = np.clip(origin, 0, size[::-1]).astype(int)
    high = np.clip(np.ceil(points.max(0)) + 1, 0, size[::-1]).astype(int)
    width, height = high - low
    if width <= 0 or height <= 0:
        return None
    top, bottom = ((border - origin - (low - origin)) * FINER for border in (top, bottom))
    line = _line(face, text, *extent(top, bottom))
    canvas = np.zeros((FINER * height, FINER * width), np.uint8)
    quad = np.concatenate([top, bottom[::-1]])
    if len(quad) == 4 and _is_convex(quad):
        _draw_piece(canvas, line, _corners(0, line.shape[1], line.shape[0]), quad)
    else:
        top, bottom = (resample_border(border, STRIPS + 1) for border in (top, bottom))
        cuts = np.linspace(0, line.shape[1], STRIPS + 1)
        for j in range(STRIPS):
            quad = np.stack([top[j], top[j + 1], bottom[j + 1], bottom[j]])
            source = _corners(cuts[j], cuts[j + 1], line.shape[0])
            for part in [[0, 1, 2, 3]] if _is_convex(quad) else [[0, 1, 2], [0, 2, 3]]:
                _draw_piece(canvas, line, source[part], quad[part])
    return tuple(low.tolist()), cv2.resize(canvas, (int(width), int(height)),
                                           interpolation=cv2.INTER_AREA)


def _line(face: FontFace, text: str, wide: float, high: float) -> np.ndarray:
    """A tight line of text of a width and a height in pixels, about as sharp as it can be."""
    cap = np.clip(np.ceil(1.5 * high / _STEP) * _STEP, *_CAPS)
    line = _tight_line(face, text, float(cap))
    wanted = [int(np.clip(round(side), 1, _MOST_SIDE)) for side in (wide, high)]
    for size in ((wanted[0], line.shape[0]), wanted):  # one axis may shrink, the other grow
        shrinks = size[0] < line.shape[1] or size[1] < line.shape[0]
        line = cv2.resize(line, size,
                          interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return line


def _corners(left: float, right: float, height: float) -> np.ndarray:
    return np.array([[left, 0], [right, 0], [right, height], [left, height]], np.float64)


def _is_convex(quad: np.ndarray) -> bool:
    """Whether a quad that runs clockwise turns the same way at all corners."""
    sides = np.roll(quad, -1, 0) - quad
    turns = np.linalg.det(np.stack([sides, np.roll(sides, -1, 0)], 1))
    return bool((turns > 1e-6 * (sides ** 2).sum()).all())


def _draw_piece(canvas: np.ndarray, line: np.ndarray, source: np.ndarray,
                target: np.ndarray) -> None:
    """Take a quad or triangle of a line to one of the canvas and half a pixel around it, where the
    darkest ink stays."""
    bounds = np.array(canvas.shape[::-1])
    low = np.clip(np.floor(target.min(0)) - 1, 0, bounds).astype(int)
    high = np.clip(np.ceil(target.max(0)) + 1, 0, bounds).astype(int)
    width, height = (int(side) for side in high - low)
    area = cv2.contourArea(target.astype(np.float32))
    if width <= 0 or height <= 0 or area < 1e-3:
        return
    # OpenCV counts from the middle of the first pixel.
    target, source = target - low - 0.5, source - 0.5
    corners = source.astype(np.float32), target.astype(np.float32)
    if len(target) == 3:
        piece = cv2.warpAffine(line, cv2.getAffineTransform(*corners), (width, height))
    else:
        piece = cv2.warpPerspective(line, cv2.getPerspectiveTransform(*corners), (width, height))
    inside = np.zeros((height, width), np.uint8)
    outline = np.clip(np.round(target * 16), -2**20, 2**20).astype(np.int32)
    cv2.fillConvexPoly(inside, outline, 255, cv2.LINE_8, 4)
    view = canvas[low[1]:high[1], low[0]:high[0]]
    np.maximum(view, piece & inside, out=view)
