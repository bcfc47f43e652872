"""One tidy picture of how a word was read.

Letters: (H, W) the image, T decoding steps, L characters read (no end mark), (h, w) a glyph map.
Pictures are uint8 BGR. Maps may have any size: they are stretched over the image, so they must
cover the same region as it does.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from ..images import to_bgr_uint8
from ..text.protocol import normalized as comparable
from .canvas import (
    GAP,
    INK,
    RIGHT,
    WRONG,
    character_colors,
    fitted,
    fitting_size,
    framed,
    paper,
    shortened,
    written,
    written_width,
)

__all__ = ['draw_reading', 'normalized', 'overlay', 'same_word', 'tile_grid']

CELL = (480, 112)  # width, height of a panel in pixels
CAPTION = 20
TITLE = 44
BARS = 92
OPACITY = np.float32(0.75)  # where a map has its peak
_WELL = (225, 225, 225)
_TAKEN = np.float32(190)  # gray of a pixel that no character looked at


def normalized(maps: np.ndarray) -> np.ndarray:
    """Scale weights (L, ...) to a peak of 1 each; negative ones and what is not finite count as 0,
    a map without weight stays 0."""
    maps = np.nan_to_num(np.asarray(maps, np.float32), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    peak = maps.max(tuple(range(1, maps.ndim)), keepdims=True, initial=0)
    return maps / np.where(peak > 0, peak, 1)


def overlay(image: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Tint an image, uint8 BGR (H, W, 3), by weights (L, h, w) with one color per character: each
    map is scaled to a peak of 1, and the strongest character of a pixel gives it its color."""
    gray = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if len(maps) == 0:
        return gray
    size = image.shape[1::-1]
    stretched = np.stack([cv2.resize(m, size) for m in normalized(maps)])
    colors = character_colors(len(maps)).astype(np.float32)[stretched.argmax(0)]
    alpha = OPACITY * stretched.max(0)[..., None]
    return (gray + alpha * (colors - gray)).round().astype(np.uint8)


def draw_reading(image: np.ndarray, *, text: str | None, scores: Sequence[float] = (),
                 truth: str | None = None, text_mask: np.ndarray | None = None,
                 attention: np.ndarray | None = None,
                 glyph_maps: Mapping[str, np.ndarray] | None = None,
                 rectified: np.ndarray | None = None, pixels: np.ndarray | None = None,
                 char_boxes: Sequence[Sequence[float]] | None = None) -> np.ndarray:
    """Draw what a recognizer read and what it looked at, in a size that depends only on which parts
    are given and on the number of scales.

    Args:
        image: The word, as for :func:`~mmocr_siga.images.to_bgr_uint8`.
        text: What was read: L characters. None: it was not read, and no confidence is shown.
        scores: Confidence of each character in [0, 1], L values.
        truth: The label; the reading is written in green if :func:`same_word`, else in red.
        text_mask: Probability or mark of text, (h, w), bool or [0, 1].
        attention: Weights of each step over the width, (T, w) with T >= L.
        glyph_maps: Name of a scale to non-negative weights (T, h, w), T >= L, without background.
        rectified: The word as a preprocessor straightened it: what all maps lie over, and shown in
            the place of ``image``.
        pixels: Weights of each step on single pixels, (T, h, w) with T >= L, NaN on those that were
            not taken: where only some are read.
        char_boxes: Left, top, right and bottom of each character, (L, 4), in pixels of the picture
            shown; one with NaN is left out.
    """
    image = to_bgr_uint8(image if rectified is None else rectified)
    length = len(text or '')
    if len(scores) != length:
        raise ValueError(f'scores has {len(scores)} values for the {length} characters of {text!r}')
    maps = {str(k): _checked_maps(f'glyph_maps[{k!r}]', v, 3, length)
            for k, v in (glyph_maps or {}).items()}
    if text_mask is not None and (np.ndim(text_mask) != 2 or np.size(text_mask) == 0):
        raise ValueError(f'text_mask must be (h, w), got shape {np.shape(text_mask)}')
    if char_boxes is not None and (np.size(char_boxes) != 4 * length
                                   or length and np.shape(char_boxes) != (length, 4)):
        raise ValueError(f'char_boxes must be ({length}, 4), got shape {np.shape(char_boxes)}')
    shown = fitted(image, CELL)
    rows = [{'image': shown if char_boxes is None else framed(shown, char_boxes, image)}]
    if text_mask is not None:
        rows[0]['text mask'] = _mask_picture(text_mask, shown.shape[:2])
    if pixels is not None and length:
        pixels = _checked_maps('pixels', pixels, 3, length)
        if text_mask is not None:
            rows.append({})
        rows[-1]['pixels that were read'] = _pixel_picture(pixels, shown.shape[:2])
    if attention is not None:
        attention = _checked_maps('attention', attention, 2, length)
        rows.append({'attention': overlay(shown, attention[:, None, :]),
                     'attention, step by step': _heat_rows(attention, text or '', shown.shape[1])})
    for name, values in maps.items():
        rows.append({f'glyph maps: {name}': overlay(shown, values),
                     'one by one': _tiles(shown, values, text or '')})
    height = TITLE + len(rows) * (CAPTION + CELL[1] + GAP)
    if text is not None:
        rows.append({'confidence': _bars(text, scores)})
        height += CAPTION + BARS + GAP
    canvas, labels = paper(height, 2 * CELL[0] + 3 * GAP), _title(text, truth)
    y = TITLE + CAPTION
    for row in rows:
        for (caption, picture), x in zip(row.items(), (GAP, CELL[0] + 2 * GAP)):
            canvas[y:y + picture.shape[0], x:x + picture.shape[1]] = picture
            labels.append(((x, y - 5), caption, 12, INK))
        y += CELL[1] + GAP + CAPTION
    return written(canvas, labels)


def _checked_maps(name: str, maps: np.ndarray, ndim: int, length: int) -> np.ndarray:
    maps = np.asarray(maps)
    if maps.ndim != ndim or 0 in maps.shape[1:] or len(maps) < length:
        wanted = '(T, w)' if ndim == 2 else '(T, h, w)'
        raise ValueError(f'{name} must be {wanted} with T >= {length} characters, got shape '
                         f'{maps.shape}')
    return maps[:length].astype(np.float32)


def _mask_picture(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    gray = np.nan_to_num(np.asarray(mask, np.float32)).clip(0, 1)
    return to_bgr_uint8(cv2.resize(gray, shape[::-1], interpolation=cv2.INTER_NEAREST))


def _pixel_picture(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Each pixel that was taken in the color of the character that looked at it most, the paler the
    less; the others white."""
    weights = normalized(pixels)
    colors = character_colors(len(pixels)).astype(np.float32)[weights.argmax(0)]
    tinted = _TAKEN + weights.max(0)[..., None] * (colors - _TAKEN)
    picture = np.where(np.isnan(pixels[0])[..., None], 255, tinted).round().astype(np.uint8)
    return cv2.resize(picture, shape[::-1], interpolation=cv2.INTER_NEAREST)


def _heat_rows(attention: np.ndarray, text: str, width: int) -> np.ndarray:
    """One row a step, in the character's color on white; as wide as the shown image."""
    canvas = paper(CELL[1], width)
    edges = np.linspace(0, CELL[1], len(text) + 1).round().astype(int).tolist()
    labels = []
    for row, char, color, top, bottom in zip(normalized(attention), text,
                                             character_colors(len(text)), edges, edges[1:]):
        weight = cv2.resize(row[None], (width, 1))[..., None]
        canvas[top:bottom] = (255 + weight * (color.astype(np.float32) - 255)).round()
        if bottom - top >= 9:
            labels.append(((2, bottom - 1), char, min(14, bottom - top), INK))
    return written(canvas, labels)


def tile_grid(count: int, aspect: float) -> tuple[int, int, int, int]:
    """Columns, rows, width and height of as large tiles as fit into a cell; ``aspect`` is width
    over height."""
    best = (1, count, 0, 0)
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        width = min(CELL[0] // columns - 3, int((CELL[1] // rows - 3) * aspect))
        if width > best[2]:
            best = (columns, rows, width, max(1, int(width / aspect)))
    return best


def _tiles(shown: np.ndarray, maps: np.ndarray, text: str) -> np.ndarray:
    canvas = paper(CELL[1], CELL[0])
    if not text:
        return canvas
    columns, _, width, height = tile_grid(len(text), shown.shape[1] / shown.shape[0])
    width, height = max(width, 4), max(height, 4)
    small = cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA)
    gray = 0.25 * cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)[..., None].astype(np.float32)
    labels = []
    for k, (weights, color) in enumerate(zip(normalized(maps), character_colors(len(text)))):
        alpha = cv2.resize(weights, (width, height))[..., None]
        x, y = (k % columns) * (width + 3), (k // columns) * (height + 3)
        tile = gray + alpha * (color.astype(np.float32) - gray)
        view = canvas[y:y + height, x:x + width]
        view[:] = tile[:view.shape[0], :view.shape[1]].round()
        cv2.rectangle(canvas, (x, y), (x + width - 1, y + height - 1), color.tolist(), 1)
        labels.append(((x + 3, y + min(height - 2, 13)), text[k], min(12, max(height - 4, 6)),
                       (255, 255, 255)))
    return written(canvas, labels)


def _bars(text: str, scores: Sequence[float]) -> np.ndarray:
    width = 2 * CELL[0] + GAP
    canvas = paper(BARS, width)
    top, bottom = 16, BARS - 22
    if not text:
        return written(canvas, [((4, 40), 'nothing was read', 14, INK)])
    slot = min(64.0, width / len(text))
    labels = []
    for k, (char, score, color) in enumerate(zip(text, scores, character_colors(len(text)))):
        x0, x1 = int(k * slot) + 2, int((k + 1) * slot) - 3
        score = float(np.nan_to_num(score, nan=0.0))
        y = int(round(bottom - min(max(score, 0.0), 1.0) * (bottom - top)))
        cv2.rectangle(canvas, (x0, top), (x1, bottom), _WELL, -1)
        if y < bottom:
            cv2.rectangle(canvas, (x0, y), (x1, bottom), color.tolist(), -1)
        size = fitting_size(char, slot - 2, (6, 15))
        left = min((x0 + x1) // 2 - 4, int(x0 + slot - written_width(char, size)))
        labels.append(((max(left, x0), BARS - 5), char, size, INK))
        if slot >= 30:
            labels.append(((x0, top - 3), f'{100 * score:.0f} %', 11, INK))
    return written(canvas, labels)


def same_word(text: str, truth: str) -> bool:
    """Whether two words agree, case and symbols left aside unless there is nothing else."""
    return text == truth or comparable(text) == comparable(truth) != ''


def _title(text: str | None, truth: str | None) -> list[tuple]:
    parts = []
    if text is not None:
        color = INK if truth is None else RIGHT if same_word(text, truth) else WRONG
        parts.append((text or '(empty)', 22, color))
    if truth is not None:
        parts.append((f'label: {truth}', 16, INK))
    out = []
    for (line, size, color), x in zip(parts, (GAP, CELL[0] + 2 * GAP)):
        size = fitting_size(line, CELL[0], (10, size))
        out.append(((x, 28), shortened(line, CELL[0], size), size, color))
    return out
