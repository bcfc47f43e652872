"""Scenes with rendered words on them: pictures for detectors whose polygons and texts are exact."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from . import effects
from .backgrounds import linear_ramp, make_background, photo_piece, texture
from .colors import contrasting_color, luminance, random_color
from .fonts import FontFace
from .layout import Line, Placement, Warp, lay_out, place_line
from .renderer import WordRenderer

_BORDER = 1.0  # around the picture of a sign, in cap heights: room for its board
_BOARD = (0.15, 0.8)  # how far a board goes beyond the ink, in cap heights
_TRIES = 12  # places that are looked at for a sign
_ARC_POINTS, _STRAIGHT_POINTS = 7, 2  # of a border of a word


@dataclass
class RenderedScene:
    """A picture and its words."""
    image: np.ndarray  # BGR, uint8 (H, W, 3)
    texts: list[str]
    # float64 (P, 2) each: around the ink, clockwise from where reading begins, the top border
    # first; 0 is the left or upper edge of the first pixel.
    polygons: list[np.ndarray]


@dataclass
class _Sign:
    """Words in one face on a plane, before it is warped; ``labels`` of the line number them."""
    line: Line
    texts: list[str]
    boxes: list[tuple[int, int, int, int]]  # x, y, width, height of each word's ink


class SceneRenderer:
    """Renders scene number ``index`` of an endless, reproducible list.

    Signs of one to three lines in one face, each bent or seen in perspective, stand where they
    touch no other, by preference where the picture is calm, on boards or on the picture itself.

    Args:
        words: Its faces, words, photographs and style are used. Without photographs signs stand on
            made-up textures.
        size: Width and height of the pictures.
        signs: Least and greatest number of signs that are tried.
        cap_height: Least and greatest height of capitals in pixels, even in its logarithm.
    """

    def __init__(self, words: WordRenderer, size: tuple[int, int] = (640, 640),
                 signs: tuple[int, int] = (1, 6),
                 cap_height: tuple[float, float] = (10.0, 56.0)) -> None:
        low, high = cap_height
        if min(size) < 32 or not 0 <= signs[0] <= signs[1] or not 4 <= low <= high:
            raise ValueError('size must be at least 32, signs at least 0, cap_height at least 4, '
                             f'both in order, got {tuple(size)}, {tuple(signs)} and '
                             f'{tuple(cap_height)}')
        # What would show the rectangle around a sign, where there is no board, is left out.
        style = replace(words.style, carved=0.0, scribble=0.0, plate=0.0, metal=0.0)
        self.words = WordRenderer(words.fonts, words.words, style, words.photographs, words.seed)
        self.size, self.signs, self.cap_height = tuple(size), tuple(signs), tuple(cap_height)

    def __call__(self, index: int) -> RenderedScene:
        return self.render((self.words.seed, index))

    def render(self, key: Sequence[int]) -> RenderedScene:
        rng = np.random.default_rng(list(key))
        width, height = self.size
        photographs = self.words.photographs
        image = make_background(rng, (height, width), random_color(rng),
                                0.0 if photographs else 1.0, [])
        if photographs:
            image = self._photograph(rng, image)
        taken = np.zeros((height, width), np.uint8)
        texts: list[str] = []
        polygons: list[np.ndarray] = []
        for _ in range(int(rng.integers(self.signs[0], self.signs[1], endpoint=True))):
            sign, face = self._sign(rng)
            if not all(width for _, _, width, _ in sign.boxes):
                continue  # a hairline face, too small to leave ink: nobody could read it
            placement = place_line(sign.line, self._warp(rng, sign), _BORDER, width * height // 2)
            found = self._place(rng, luminance(image), taken, sign, placement)
            if found is None:
                continue
            corner, outlines = found
            self._write(rng, image, corner, sign, placement, face)
            texts += sign.texts
            polygons += outlines
            cv2.fillPoly(taken, [_pixels(outline) for outline in outlines], 255)
        return RenderedScene(self._camera(rng, image), texts, polygons)

    def _photograph(self, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
        paths = self.words.photographs
        piece = photo_piece(rng, paths[int(rng.integers(len(paths)))], image.shape[:2])
        return image if piece is None else piece

    def _sign(self, rng: np.random.Generator) -> tuple[_Sign, FontFace]:
        """One to three lines of one to three words."""
        rows = int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15]))
        counts = rng.choice([1, 2, 3], rows, p=[0.6, 0.25, 0.15])
        drawn = [[self.words.words.draw(rng) for _ in range(count)] for count in counts]
        face = self.words.fonts.draw(rng, '')
        # Words that the face cannot write are left out; if none is left, another face is drawn.
        kept = [[word for word in row if set(word) <= face.characters] for row in drawn]
        kept = [row for row in kept if row]
        if not kept:
            kept = [drawn[0][:1]]
            face = self.words.fonts.draw(rng, drawn[0][0])
        if face.unicase:
            kept = [[word.upper() if set(word.upper()) <= face.characters else word
                     for word in row] for row in kept]
        cap = float(np.exp(rng.uniform(*np.log(self.cap_height))))
        spacing = rng.uniform(*self.words.style.spacing) if rng.random() < 0.3 else 0.0
        lines = [lay_out(face, ' '.join(row), cap, spacing, margin=0.1) for row in kept]
        return _joined(rng, lines, kept, cap), face

    def _warp(self, rng: np.random.Generator, sign: _Sign) -> Warp:
        warp = self.words.warp(rng, len(sign.texts[0]))
        # Lines above one another do not run along one arc.
        straight = len({y for _, y, _, _ in sign.boxes}) > 1 and len(sign.texts) > 1
        return replace(warp, arc=0.0) if straight else warp

    def _place(self, rng: np.random.Generator, gray: np.ndarray, taken: np.ndarray, sign: _Sign,
               placement: Placement) -> tuple[tuple[int, int], list[np.ndarray]] | None:
        """A free and calm place for a sign: the corner (x, y) of its picture, and the outlines of
        its words there; None if there is none."""
        outlines = [_outline(box, placement) for box in sign.boxes]
        points = np.concatenate(outlines)
        low, high = points.min(0), points.max(0)
        room = np.array(self.size) - (high - low) - 4
        if (room < 0).any():
            return None
        board = _board_outline(sign, placement, np.full(4, _BOARD[1]))
        best = None
        for _ in range(_TRIES):
            corner = np.round(2 - low + rng.random(2) * room).astype(int)
            x0, y0 = np.maximum(np.floor(board.min(0) + corner), 0).astype(int)
            x1, y1 = np.ceil(board.max(0) + corner).astype(int)
            if taken[y0:y1, x0:x1].any():  # the board would hide a word
                continue
            unrest = float(gray[y0:y1, x0:x1].std()) * rng.uniform(0.5, 1.5)
            if best is None or unrest < best[0]:
                best = unrest, corner
        if best is None:
            return None
        corner = best[1]
        return (int(corner[0]), int(corner[1])), [outline + corner for outline in outlines]

    def _write(self, rng: np.random.Generator, image: np.ndarray, corner: tuple[int, int],
               sign: _Sign, placement: Placement, face: FontFace) -> None:
        """Paint a sign, and perhaps its board, into the picture."""
        ink = cv2.remap(sign.line.ink, *placement.sources(), cv2.INTER_LINEAR)
        (x, y), (width, height) = corner, placement.size
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + width, self.size[0]), min(y + height, self.size[1])
        part = slice(y0 - y, y1 - y), slice(x0 - x, x1 - x)
        ink, patch = ink[part], image[y0:y1, x0:x1]
        unit = sign.line.cap_height * placement.scale
        contrast = rng.uniform(*self.words.style.contrast)
        near = effects.grown((ink > 0).astype(np.float32), max(1.0, 0.2 * unit)) > 0.5
        unrest = float(luminance(patch)[near].std()) if near.any() else 0.0
        if unrest * 1.8 > contrast or rng.random() < 0.35:
            patch = self._board(rng, patch, sign, placement, (x0 - x, y0 - y))
        mean = np.array(cv2.mean(patch, near.view(np.uint8))[:3], np.float32)
        color = contrasting_color(rng, mean, contrast)
        image[y0:y1, x0:x1] = self.words.write(rng, patch, ink, unit, mean, color)

    def _board(self, rng: np.random.Generator, patch: np.ndarray, sign: _Sign,
               placement: Placement, offset: tuple[int, int]) -> np.ndarray:
        """A board behind a sign, in its perspective."""
        outline = _board_outline(sign, placement, rng.uniform(*_BOARD, 4)) - offset
        shape = np.zeros(patch.shape[:2], np.uint8)
        cv2.fillPoly(shape, [_pixels(outline)], 255, cv2.LINE_AA)
        color = random_color(rng) + linear_ramp(rng, shape.shape)[..., None] * rng.uniform(0, 25)
        if rng.random() < 0.4:
            color = color + texture(rng, shape.shape)[..., None] * rng.uniform(3, 20)
        return effects.blend(patch, shape.astype(np.float32) / 255, color.astype(np.float32))

    def _camera(self, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
        """Light, lens, sensor and compression: float32 to uint8 BGR of the same size."""
        style = self.words.style
        if rng.random() < style.lighting:
            image = effects.lighting(rng, image)
        if rng.random() < style.blur:
            image = effects.blurred(rng, image, rng.uniform(0.3, 1.2))
        if rng.random() < style.noise:
            image = effects.noisy(rng, image, rng.uniform(*style.noise_sigma))
        picture = effects.to_uint8(image)
        if rng.random() < style.jpeg:
            quality = rng.integers(*style.jpeg_quality, endpoint=True)
            picture = effects.recompressed(picture, quality)
        return picture


def _joined(rng: np.random.Generator, lines: Sequence[Line], rows: Sequence[Sequence[str]],
            cap: float) -> _Sign:
    """Lines above one another, with the words numbered from 1."""
    heights = [line.ink.shape[0] for line in lines]
    widths = [line.ink.shape[1] for line in lines]
    leading = int(rng.uniform(0.15, 0.6) * cap) + 1
    shape = sum(heights) + leading * (len(lines) - 1), max(widths)
    ink, labels = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    align = rng.choice([0.0, 0.5])
    texts, number, y = [], 0, 0
    for line, row, height, width in zip(lines, rows, heights, widths):
        words = [0]  # the word that each character is of
        for word in row:
            number += 1
            words += [number] * len(word) + [0]
        x = int(align * (shape[1] - width))
        ink[y:y + height, x:x + width] = line.ink
        labels[y:y + height, x:x + width] = np.array(words, np.uint8)[line.labels]
        texts += row
        y += height + leading
    boxes = [cv2.boundingRect((labels == k + 1).view(np.uint8)) for k in range(number)]
    x, y, w, h = cv2.boundingRect((ink > 127).view(np.uint8))
    line = Line(ink, np.zeros_like(ink), labels, (x, y, x + w, y + h), cap)
    return _Sign(line, texts, boxes)


def _outline(box: tuple[int, int, int, int], placement: Placement) -> np.ndarray:
    """The polygon of a word in the picture of its sign, (P, 2)."""
    x, y, w, h = box
    count = _ARC_POINTS if abs(placement.warp.arc) >= 1e-3 else _STRAIGHT_POINTS
    along = np.linspace(x, x + w, count)
    top = np.stack([along, np.full(count, y)], 1)
    return placement.to_picture(np.concatenate([top, (top + [0, h])[::-1]]))


def _board_outline(sign: _Sign, placement: Placement, margin: np.ndarray) -> np.ndarray:
    """What lies around a sign, with margins on the left, above, on the right and below, in cap
    heights: (36, 2) in the picture of the sign."""
    margin = margin * sign.line.cap_height
    left, top, right, bottom = np.add(sign.line.box, margin * [-1, -1, 1, 1])
    along = np.linspace(0, 1, 9)[:, None]
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return placement.to_picture(np.concatenate(
        [a + along * (b - a) for a, b in zip(corners, np.roll(corners, -1, 0))]))


def _pixels(outline: np.ndarray) -> np.ndarray:
    """For OpenCV, which counts from the middle of the first pixel."""
    return np.round(outline - 0.5).astype(np.int32)
