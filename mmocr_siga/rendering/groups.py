"""Groups of words in one style: other texts, everything else the same.

Ours, after what DARLING (Zhang et al., CVPR 2024, arXiv 2405.04377) and E2STR (Zhao et al., CVPR
2024, arXiv 2311.13120) train on, pictures that share their style.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import IntEnum

import cv2
import numpy as np

from . import effects
from .camera import bearable_blur, crop_box, photograph, to_height
from .fonts import FontFace, as_drawn, open_face
from .layout import Line, lay_out, line_sources, read_line
from .painter import WordPainter
from .rendered import RenderedGroup

LAYOUTS = ('fit', 'natural')
# Most that the lengths and widths of the texts of a group differ.
_FACTOR = 2
_TRIES = 20


class _Stage(IntEnum):
    """What has a generator of its own; 0 would be the key's own generator."""
    TEXTS = 1
    SHAPE = 2
    RISE = 3  # of single letters
    BOARD = 4
    PAINT = 5
    CAMERA = 6


def render_group(painter: WordPainter, key: Sequence[int], count: int,
                 texts: Sequence[str] | None = None, layout: str | None = None) -> RenderedGroup:
    """Render ``count`` words in one style, and their background.

    Every stage has a generator of its own, made anew for each picture where it draws by the pixel,
    so that all draw the same; what hangs on the text, or is measured on the picture, is taken from
    the ink of all words laid on each other. Words stand on one baseline, about one middle, and
    there is no neighboring text.

    Args:
        texts: What to write; drawn from the painter's words if None: other ones each, also if case
            is left aside, with lengths and widths within a factor of two. An empty one is the
            background.
        layout: 'natural', or 'fit', where each word is stretched to the width of the first one
            before it is warped; None draws one of both.

    Raises:
        ValueError: If there are no such texts, or no face can write them.
    """
    if layout not in (None, *LAYOUTS):
        raise ValueError(f'layout must be one of {LAYOUTS}, but is {layout!r}')
    if count < 1 or (texts is not None and len(texts) != count):
        raise ValueError(f'a group has at least one word, and as many texts as words, but count is '
                         f'{count}' + (f' and there are {len(texts)} texts' if texts else ''))

    def generator(stage: _Stage) -> np.random.Generator:
        return np.random.default_rng([*key, stage])

    shape = generator(_Stage.SHAPE)
    drawn = LAYOUTS[int(shape.integers(len(LAYOUTS)))]
    layout = layout or drawn
    if texts is None:
        texts, face = _draw_texts(painter, generator(_Stage.TEXTS), shape, count)
    else:
        face = painter.fonts.draw(shape, ''.join(texts))
        texts = [as_drawn(face, text) for text in texts]
    inks, glyphs, unit = _shapes(painter, shape, generator, face, texts, layout == 'fit')
    everything = np.maximum.reduce(inks)
    board, mean, color = painter.board(generator(_Stage.BOARD), everything, unit)
    seen = bearable_blur(unit / board.shape[0])
    measured: dict = {}

    def picture(ink: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        image = painter.write(generator(_Stage.PAINT), board, ink, unit, mean, color, measured)
        image, labels = to_height(image, labels, painter.style.height)
        camera = generator(_Stage.CAMERA)
        return photograph(camera, painter.style, image, labels, seen, measured), labels

    # The first picture is the one that is measured.
    picture(everything, np.maximum.reduce(glyphs))
    images, glyphs = map(list, zip(*map(picture, inks, glyphs)))
    blank = np.zeros_like(everything)
    state = np.random.SeedSequence([*key]).generate_state(1, np.uint64)
    return RenderedGroup(images, texts, glyphs, picture(blank, blank)[0], face.path,
                         int(state[0] >> np.uint64(1)), layout)


def _draw_texts(painter: WordPainter, rng: np.random.Generator, shape: np.random.Generator,
                count: int) -> tuple[list[str], FontFace]:
    for _ in range(_TRIES):
        text = painter.words.draw(rng)
        try:
            face = painter.fonts.draw(shape, text)
        except ValueError:  # characters that are in different faces only
            continue
        texts = _similar_texts(painter, rng, face, as_drawn(face, text), count)
        if len(texts) == count:
            return texts, face
    raise ValueError(f'found no {count} different words of similar length that one face can write; '
                     'use a larger lexicon, more characters or another face')


def _similar_texts(painter: WordPainter, rng: np.random.Generator, face: FontFace, first: str,
                   count: int) -> list[str]:
    """The first text and others like it, as many as were found of ``count``."""
    font = open_face(face.path, 40)
    texts, known = [first], {first.casefold()}
    spans = [(len(first), font.getlength(first))]
    for _ in range(_TRIES * count):
        if len(texts) == count:
            break
        text = as_drawn(face, painter.words.draw(rng))
        if text.casefold() in known or not face.can_write(text):
            continue
        span = len(text), font.getlength(text)
        if all(max(sizes) <= _FACTOR * min(sizes) for sizes in zip(span, *spans)):
            texts.append(text)
            known.add(text.casefold())
            spans.append(span)
    return texts


def _shapes(painter: WordPainter, rng: np.random.Generator,
            generator: Callable[[_Stage], np.random.Generator], face: FontFace,
            texts: Sequence[str], fit: bool) -> tuple[list[np.ndarray], list[np.ndarray], float]:
    """Ink and labels, uint8 (H, W) each, of all texts in one frame, and their cap height."""
    style = painter.style
    written = [text for text in texts if text.strip()]
    if not written:
        raise ValueError('none of the texts of a group has anything to write')
    spacing, first_larger = painter.spacing(rng, all(text.isupper() for text in written))
    jitter, unit = painter.jitter(rng), rng.uniform(*style.cap_height)
    lines = [_tight(lay_out(face, text, unit, spacing, first_larger, jitter,
                            rng=generator(_Stage.RISE))) if text.strip() else None
             for text in texts]
    warp = painter.warp(rng, max(map(len, texts)))
    frame, inks, glyphs = _frame([line for line in lines if line is not None], fit), [], []
    map_x, map_y = line_sources(frame, warp, elastic=painter.elastic(rng), rng=rng)
    for line in lines:
        ink = labels = np.zeros(map_x.shape, np.uint8)
        if line is not None:
            (x0, x1), (left, right) = line.box[::2], frame.box[::2]
            stretch = np.float32((x1 - x0) / (right - left) if fit else 1)
            # Maps count from the middle of the first pixel.
            columns = (map_x - np.float32((left + right - 1) / 2)) * stretch
            columns += np.float32((x0 + x1 - 1) / 2)
            rows = map_y + np.float32(line.baseline - frame.baseline)
            ink, _, labels = read_line(line, columns, rows)
        inks.append(ink)
        glyphs.append(labels)
    box = crop_box(rng, style, np.maximum.reduce(glyphs), unit)
    radius = painter.weight(rng) * unit
    pairs = [effects.reweighted(ink[box], labels[box], radius) for ink, labels in zip(inks, glyphs)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs], unit


def _tight(line: Line) -> Line:
    """A line whose box ends, on the left and on the right, where its ink does."""
    x, _, width, _ = cv2.boundingRect((line.ink > line.ink.max() // 2).view(np.uint8))
    return replace(line, box=(x, line.box[1], x + width, line.box[3]))


def _frame(lines: Sequence[Line], fit: bool) -> Line:
    """The first line with the box of all: about its middle, and its own width or the largest."""
    first = lines[0]
    x0, _, x1, _ = first.box
    half = (x1 - x0 if fit else max(line.box[2] - line.box[0] for line in lines)) / 2
    top = min(line.box[1] - line.baseline for line in lines)
    bottom = max(line.box[3] - line.baseline for line in lines)
    middle = (x0 + x1) / 2
    return replace(first, box=(middle - half, top + first.baseline, middle + half,
                               bottom + first.baseline))
