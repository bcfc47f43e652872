"""One tidy picture of how a word was read.

Letters: (H, W) the image, T decoding steps, L characters read (no end mark), (h, w) a glyph map.
Pictures are uint8 BGR. Maps may have any size: they are stretched over the image, so they must
cover the same region as it does.
"""
from __future__ import annotations

import colorsys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

CELL = (480, 112)  # width, height of a panel in pixels
GAP = 12
CAPTION = 20
TITLE = 44
BARS = 92

_INK, _FAINT = (40, 40, 40), (225, 225, 225)
_RIGHT, _WRONG = (60, 140, 20), (40, 30, 200)
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Panel:
    """A named region of the picture: ``box`` is x0, y0, x1, y1, without the caption above it."""
    name: str
    caption: str
    box: Box


def character_colours(count: int) -> np.ndarray:
    """Colours that differ most between neighbours.

    Args:
        count (int): Number of characters.

    Returns:
        ndarray: uint8 BGR of shape (count, 3).
    """
    # Steps of the golden ratio around the hue circle never come back close to recent colours.
    hues = (0.02 + 0.61803399 * np.arange(count)) % 1.0
    rgb = [colorsys.hsv_to_rgb(h, 0.85, 0.95) for h in hues]
    return (255 * np.array(rgb).reshape(count, 3)[:, ::-1]).round().astype(np.uint8)


def normalised(maps: np.ndarray) -> np.ndarray:
    """Scale each map to a peak of 1.

    Args:
        maps (ndarray): Non-negative weights, (L, ...). NaN counts as 0, negative values too.

    Returns:
        ndarray: float32 of the same shape in [0, 1]; a map without weight stays 0.
    """
    maps = np.nan_to_num(np.asarray(maps, np.float32), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    peak = maps.max(tuple(range(1, maps.ndim)), keepdims=True, initial=0)
    return maps / np.where(peak > 0, peak, 1)


def overlay(image: np.ndarray, maps: np.ndarray, strength: float = 0.75) -> np.ndarray:
    """Tint an image with one colour per character.

    Args:
        image (ndarray): uint8 BGR (H, W, 3).
        maps (ndarray): Weights (L, h, w), stretched over the image; each is scaled to a peak of 1
            and the strongest character of a pixel gives it its colour.
        strength (float): Opacity at weight 1. Defaults to 0.75.

    Returns:
        ndarray: uint8 BGR (H, W, 3).
    """
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if len(maps) == 0:
        return grey
    size = image.shape[1::-1]
    stretched = np.stack([cv2.resize(m, size, interpolation=cv2.INTER_LINEAR)
                          for m in normalised(maps)])
    colours = character_colours(len(maps)).astype(np.float32)[stretched.argmax(0)]
    alpha = np.float32(strength) * stretched.max(0)[..., None]
    return (grey + alpha * (colours - grey)).round().astype(np.uint8)


def panel_boxes(glyph_scales: Sequence[str] = (), *, has_mask: bool = False,
                has_attention: bool = False) -> tuple[list[Panel], tuple[int, int]]:
    """Where :func:`draw_reading` puts what.

    Args:
        glyph_scales (sequence[str]): Names of the glyph maps. Defaults to ().
        has_mask (bool): Whether there is a text mask. Defaults to False.
        has_attention (bool): Whether there is an attention. Defaults to False.

    Returns:
        tuple: The panels, named 'image', 'text_mask', 'attention', 'attention_rows',
        '<scale>', '<scale>_tiles' and 'confidence'; and (height, width) of the picture.
    """
    rows = [[('image', 'image')] + ([('text_mask', 'text mask')] if has_mask else [])]
    if has_attention:
        rows.append([('attention', 'attention'), ('attention_rows', 'attention, step by step')])
    for name in glyph_scales:
        rows.append([(name, f'glyph maps: {name}'), (f'{name}_tiles', 'one by one')])
    panels, y = [], TITLE
    for row in rows:
        for column, (name, caption) in enumerate(row):
            x = GAP + column * (CELL[0] + GAP)
            panels.append(Panel(name, caption, (x, y + CAPTION, x + CELL[0],
                                                y + CAPTION + CELL[1])))
        y += CAPTION + CELL[1] + GAP
    width = 2 * CELL[0] + 3 * GAP
    panels.append(Panel('confidence', 'confidence', (GAP, y + CAPTION, width - GAP,
                                                     y + CAPTION + BARS)))
    return panels, (y + CAPTION + BARS + GAP, width)


def draw_reading(image: np.ndarray, *, text: str, scores: Sequence[float],
                 truth: str | None = None, text_mask: np.ndarray | None = None,
                 attention: np.ndarray | None = None,
                 glyph_maps: Mapping[str, np.ndarray] | None = None,
                 rectified: np.ndarray | None = None,
                 char_boxes: Sequence[Sequence[float]] | None = None) -> np.ndarray:
    """Draw what a recogniser read and what it looked at.

    Args:
        image (ndarray): The word, uint8, BGR (H, W, 3) or grey (H, W).
        text (str): What was read: L characters, possibly none.
        scores (sequence[float]): Confidence of each character in [0, 1], L values.
        truth (str, optional): The label; the reading is written in green if :func:`same_word`, else
            in red. Defaults to None: not shown.
        text_mask (ndarray, optional): Probability or mark of text, (h, w), bool or [0, 1].
            Defaults to None.
        attention (ndarray, optional): Weights of each step over the width, (T, w) with T >= L;
            steps past L are not drawn. Defaults to None.
        glyph_maps (mapping, optional): Name of a scale to non-negative weights (T, h, w),
            T >= L, without the background channel. Defaults to None.
        rectified (ndarray, optional): The word as a preprocessor straightened it, BGR (h, w, 3):
            what all maps lie over, and shown in the place of ``image``. Defaults to None.
        char_boxes (sequence, optional): Left, top, right and bottom of each character, (L, 4), in
            pixels of the picture shown. Defaults to None.

    Returns:
        ndarray: The picture, uint8 BGR. Its size depends only on which parts are given and on the
        number of scales.

    Raises:
        ValueError: If an argument has a wrong shape; the message names it.
    """
    image = _checked_image(image if rectified is None else rectified)
    length = len(text)
    if len(scores) != length:
        raise ValueError(f'scores has {len(scores)} values for the {length} characters of {text!r}')
    maps = {str(k): _checked_maps(f'glyph_maps[{k!r}]', v, 3, length)
            for k, v in (glyph_maps or {}).items()}
    if attention is not None:
        attention = _checked_maps('attention', attention, 2, length)
    if text_mask is not None and (np.ndim(text_mask) != 2 or np.size(text_mask) == 0):
        raise ValueError(f'text_mask must be (h, w), got shape {np.shape(text_mask)}')
    panels, shape = panel_boxes(list(maps), has_mask=text_mask is not None,
                                has_attention=attention is not None)
    canvas = np.full((*shape, 3), 255, np.uint8)
    shown = _enlarged(image)
    content = {'image': shown if char_boxes is None else
               _boxed(shown, char_boxes, length, shown.shape[1] / image.shape[1],
                      shown.shape[0] / image.shape[0])}
    if text_mask is not None:
        content['text_mask'] = _mask_picture(text_mask, shown.shape[:2])
    if attention is not None:
        content['attention'] = overlay(shown, attention[:, None, :])
        content['attention_rows'] = _heat_rows(attention, text, shown.shape[1])
    for name, values in maps.items():
        content[name] = overlay(shown, values)
        content[f'{name}_tiles'] = _tiles(shown, values, text)
    content['confidence'] = _bars(text, scores, panels[-1].box[2] - panels[-1].box[0])
    for panel in panels:
        picture, (x, y, _, _) = content[panel.name], panel.box
        canvas[y:y + picture.shape[0], x:x + picture.shape[1]] = picture
    labels = [((p.box[0], p.box[1] - 5), p.caption, 12, _INK) for p in panels]
    return _written(canvas, _title(text, truth) + labels)


def _checked_image(image: np.ndarray) -> np.ndarray:
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.size == 0 or not (
            image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))):
        raise ValueError('image must be uint8 of shape (H, W, 3) or (H, W) and not empty, got '
                         f'{image.dtype} {image.shape}')
    if image.ndim == 2 or image.shape[2] == 1:
        return cv2.cvtColor(image.reshape(image.shape[:2]), cv2.COLOR_GRAY2BGR)
    return np.ascontiguousarray(image)


def _checked_maps(name: str, maps: np.ndarray, ndim: int, length: int) -> np.ndarray:
    maps = np.asarray(maps)
    if maps.ndim != ndim or 0 in maps.shape[1:] or len(maps) < length:
        wanted = '(T, w)' if ndim == 2 else '(T, h, w)'
        raise ValueError(f'{name} must be {wanted} with T >= {length} characters, got shape '
                         f'{maps.shape}')
    return maps[:length].astype(np.float32)


def _enlarged(image: np.ndarray) -> np.ndarray:
    """Fit into a cell, keeping the aspect ratio."""
    height, width = image.shape[:2]
    scale = min(CELL[0] / width, CELL[1] / height)
    size = (max(8, int(width * scale)), max(8, int(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(image, size, interpolation=how)


def _boxed(shown: np.ndarray, boxes: Sequence[Sequence[float]], length: int, across: float,
           down: float) -> np.ndarray:
    """The picture with a frame around each character; ``across`` and ``down`` enlarge the boxes."""
    boxes = np.asarray(boxes, np.float64)
    if boxes.size != 4 * length or (length and boxes.shape != (length, 4)):
        raise ValueError(f'char_boxes must be ({length}, 4), got shape {boxes.shape}')
    framed = shown.copy()
    height, width = shown.shape[:2]
    scaled = (boxes.reshape(-1, 4) * [across, down, across, down]).round().astype(int)
    for (x0, y0, x1, y1), colour in zip(scaled, character_colours(length)):
        cv2.rectangle(framed, (x0, y0), (min(x1, width) - 1, min(y1, height) - 1),
                      colour.tolist(), 2)
    return framed


def _mask_picture(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    grey = np.nan_to_num(np.asarray(mask, np.float32)).clip(0, 1) * 255
    grey = cv2.resize(grey, shape[::-1], interpolation=cv2.INTER_NEAREST).round().astype(np.uint8)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)


def _heat_rows(attention: np.ndarray, text: str, width: int) -> np.ndarray:
    """One row a step, in the character's colour on white; as wide as the shown image."""
    canvas = np.full((CELL[1], width, 3), 255, np.uint8)
    edges = np.linspace(0, CELL[1], len(text) + 1).round().astype(int)
    letters = []
    for k, (row, colour) in enumerate(zip(normalised(attention), character_colours(len(text)))):
        weight = cv2.resize(row[None], (width, 1), interpolation=cv2.INTER_LINEAR)[..., None]
        canvas[edges[k]:edges[k + 1]] = (255 + weight * (colour.astype(np.float32) - 255)).round()
        if edges[k + 1] - edges[k] >= 9:
            letters.append(((2, int(edges[k + 1]) - 1), text[k],
                            min(14, int(edges[k + 1] - edges[k])), _INK))
    return _written(canvas, letters)


def tile_grid(count: int, aspect: float) -> tuple[int, int, int, int]:
    """Fit tiles into a cell.

    Args:
        count (int): Number of tiles, at least 1.
        aspect (float): Width over height of a tile.

    Returns:
        tuple[int]: Columns, rows, width and height of a tile, as large as possible.
    """
    best = (1, count, 0, 0)
    for columns in range(1, count + 1):
        rows = -(-count // columns)
        width = min(CELL[0] // columns - 3, int((CELL[1] // rows - 3) * aspect))
        if width > best[2]:
            best = (columns, rows, width, max(1, int(width / aspect)))
    return best


def _tiles(shown: np.ndarray, maps: np.ndarray, text: str) -> np.ndarray:
    canvas = np.full((CELL[1], CELL[0], 3), 255, np.uint8)
    if not text:
        return canvas
    columns, _, width, height = tile_grid(len(text), shown.shape[1] / shown.shape[0])
    width, height = max(width, 4), max(height, 4)
    small = cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)[..., None].astype(np.float32)
    letters = []
    for k, (weights, colour) in enumerate(zip(normalised(maps), character_colours(len(text)))):
        alpha = cv2.resize(weights, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
        x, y = (k % columns) * (width + 3), (k // columns) * (height + 3)
        tile = 0.25 * grey + alpha * (colour.astype(np.float32) - 0.25 * grey)
        view = canvas[y:y + height, x:x + width]
        view[:] = tile[:view.shape[0], :view.shape[1]].round()
        cv2.rectangle(canvas, (x, y), (x + width - 1, y + height - 1), colour.tolist(), 1)
        letters.append(((x + 3, y + min(height - 2, 13)), text[k], min(12, max(height - 4, 6)),
                        (255, 255, 255)))
    return _written(canvas, letters)


def _bars(text: str, scores: Sequence[float], width: int) -> np.ndarray:
    canvas = np.full((BARS, width, 3), 255, np.uint8)
    top, bottom = 16, BARS - 22
    if not text:
        return _written(canvas, [((4, 40), 'nothing was read', 14, _INK)])
    slot = min(64.0, width / len(text))
    labels = []
    for k, (char, colour) in enumerate(zip(text, character_colours(len(text)))):
        x0, x1 = int(k * slot) + 2, int((k + 1) * slot) - 3
        score = float(np.nan_to_num(scores[k], nan=0.0))
        y = int(round(bottom - min(max(score, 0.0), 1.0) * (bottom - top)))
        cv2.rectangle(canvas, (x0, top), (x1, bottom), _FAINT, -1)
        if y < bottom:
            cv2.rectangle(canvas, (x0, y), (x1, bottom), colour.tolist(), -1)
        labels.append((((x0 + x1) // 2 - 4, BARS - 5), char, 15, _INK))
        if slot >= 30:
            labels.append(((x0, top - 3), f'{100 * score:.0f} %', 11, _INK))
    return _written(canvas, labels)


def same_word(text: str, truth: str) -> bool:
    """Whether two words agree, case and anything but letters and digits left aside."""
    if text == truth:
        return True
    first, second = (''.join(c for c in t.casefold() if c.isalnum()) for t in (text, truth))
    return first == second != ''


def _title(text: str, truth: str | None) -> list:
    known = truth is not None
    colour = (_RIGHT if same_word(text, truth) else _WRONG) if known else _INK
    title = [((GAP, 28), text or '(empty)', 22, colour)]
    if known:
        title.append(((GAP + CELL[0] + GAP, 28), f'label: {truth}', 16, _INK))
    return title


@lru_cache(maxsize=32)
def _font(size: int) -> ImageFont.FreeTypeFont:
    from matplotlib import font_manager
    path = font_manager.findfont('DejaVu Sans', fallback_to_default=True)
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)


def _written(canvas: np.ndarray, labels: list) -> np.ndarray:
    """Write (position of the left end of the baseline, text, size, BGR colour) labels."""
    picture = Image.fromarray(np.ascontiguousarray(canvas[..., ::-1]))
    draw = ImageDraw.Draw(picture)
    for position, text, size, colour in labels:
        draw.text(position, text, font=_font(size), fill=tuple(colour[::-1]), anchor='ls')
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])
