"""Renders words that look like crops of scene text, with exact glyph masks."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from . import effects
from .backgrounds import linear_ramp, make_background, metal, texture
from .colors import contrasting_color, luminance, random_color
from .fonts import FontFace, FontLibrary
from .layout import Line, Warp, lay_out, warp_line
from .plates import plate_board
from .styles import RenderStyle
from .words import WordSource


@dataclass
class RenderedWord:
    """A rendered word of L characters.

    ``glyphs`` is 0 for background and k on the ink of the k-th character, counted from 1; where
    characters overlap the later one counts.
    """
    image: np.ndarray  # BGR, uint8 (H, W, 3)
    text: str
    glyphs: np.ndarray  # uint8 (H, W)
    font: str  # path of the face

    @property
    def boxes(self) -> np.ndarray:
        """Boxes around what is to be seen of the characters, int32 (L, 4): x, y, width, height in
        pixels; zeros for one without ink."""
        boxes = [cv2.boundingRect((self.glyphs == k + 1).view(np.uint8))
                 for k in range(len(self.text))]
        return np.array(boxes, np.int32).reshape(-1, 4)


class WordRenderer:
    """Renders word number ``index`` of an endless, reproducible list.

    Every word has a generator of its own, so the list does not depend on the number of processes or
    the order of the calls. ``words`` is anything with ``draw(rng)``, ``style`` None is 'hard',
    ``photographs`` are picture files for backgrounds.
    """

    def __init__(self, fonts: FontLibrary, words: WordSource, style: RenderStyle | None = None,
                 photographs: Sequence[str] = (), seed: int = 0) -> None:
        self.fonts = fonts
        self.words = words
        self.style = style if style is not None else RenderStyle.preset('hard')
        self.photographs = list(photographs)
        self.seed = seed

    def __call__(self, index: int) -> RenderedWord:
        return self.render((self.seed, index))

    def render(self, key: Sequence[int]) -> RenderedWord:
        rng = np.random.default_rng(list(key))
        text, face = self._word(rng)
        if face.unicase and set(text.upper()) <= face.characters and len(text.upper()) == len(text):
            text = text.upper()
        line = self._line(rng, face, text)
        warp = self._warp(rng, len(text))
        elastic = 0.0
        if self.style.elastic and rng.random() < self.style.elastic:
            elastic = float(rng.uniform(*self.style.elastic_strength))
        ink, context, glyphs = warp_line(line, warp, elastic=elastic, rng=rng)
        box = _crop_box(rng, self.style, glyphs, line.cap_height)
        ink, context, glyphs = ink[box], context[box], glyphs[box]
        ink = np.maximum(ink, context)
        if rng.random() < 0.25:
            ink, glyphs = _reweighted(ink, glyphs, rng.uniform(-0.01, 0.05) * line.cap_height)
        image = self._paint(rng, ink, line.cap_height)
        unit = line.cap_height / image.shape[0]
        image, glyphs = _to_height(image, glyphs, self.style.height)
        # On an arc or a slope letters are a small part of the crop: they bear less.
        image = _camera(rng, self.style, image, glyphs, min(1.0, unit / 0.55))
        return RenderedWord(image, text, glyphs, face.path)

    def _word(self, rng: np.random.Generator, tries: int = 50) -> tuple[str, FontFace]:
        while True:
            tries -= 1
            text = self.words.draw(rng)
            try:
                return text, self.fonts.draw(rng, text)
            except ValueError:
                # Characters of several scripts may be in different faces only.
                if not tries:
                    raise

    def _line(self, rng: np.random.Generator, face: FontFace, text: str) -> Line:
        style = self.style
        # Crowded and widely spaced words are both rarer than evenly set ones.
        spacing = rng.uniform(*style.spacing) if rng.random() < 0.5 else 0.0
        first_larger = rng.uniform(1.15, 1.35) if text.isupper() and rng.random() < 0.06 else 1.0
        neighbors = tuple(self._neighbor(rng, face) if rng.random() < style.neighbors else ''
                           for _ in range(4))
        jitter = rng.uniform(0.02, 0.06) if rng.random() < 0.05 and style.worn > 0 else 0.0
        return lay_out(face, text, rng.uniform(*style.cap_height), spacing, first_larger, jitter,
                       neighbors=neighbors, rng=rng)

    def _neighbor(self, rng: np.random.Generator, face: FontFace) -> str:
        word = self.words.draw(rng)
        return word if set(word) <= face.characters else ''

    def _warp(self, rng: np.random.Generator, length: int) -> Warp:
        style = self.style
        arc = 0.0
        # A letter or two on an arc are only rotated.
        if length > 2 and rng.random() < style.curve:
            arc = rng.uniform(*style.arc) * min(1.0, length / 6) * rng.choice([-1, 1, 1])
        angle = rng.normal() * style.angle
        if rng.random() < style.steep:
            angle = rng.uniform(-25, 25)
        shear = rng.normal() * style.shear
        low, high = np.log(style.stretch)
        strength = style.perspective * rng.random() ** 2
        return Warp(arc, np.deg2rad(angle), shear, float(np.exp(rng.uniform(low, high))),
                    (strength * rng.uniform(-1, 1), strength * rng.uniform(-0.5, 0.5)))

    def _paint(self, rng: np.random.Generator, ink: np.ndarray, unit: float) -> np.ndarray:
        """Paint coverage (H, W) on a background: float32 BGR (H, W, 3)."""
        style = self.style
        alpha = ink.astype(np.float32) / np.float32(255)
        if style.plate and rng.random() < style.plate:
            image = plate_board(rng, ink, unit, self.fonts.draw(rng, ''))
        elif style.metal and rng.random() < style.metal:
            image = metal(rng, ink.shape)
        else:
            image = make_background(rng, ink.shape, random_color(rng), style.busy,
                                    self.photographs)
        contrast = rng.uniform(*style.contrast)
        image, mean = _calmed(image, contrast)
        color = contrasting_color(rng, mean, contrast)
        if rng.random() < style.scribble:
            image = effects.scribble(rng, image, random_color(rng))
        if rng.random() < style.shadow:
            image = effects.shadow(rng, image, alpha, unit)
        if rng.random() < style.extrusion:
            image = effects.extrusion(rng, image, alpha, unit, random_color(rng))
        if rng.random() < style.outline:
            rim = effects.grown(alpha, max(1.0, rng.uniform(0.03, 0.12) * unit))
            image = effects.blend(image, rim, contrasting_color(rng, color, 40))
        paint = color
        if rng.random() < style.gradient:
            ramp = linear_ramp(rng, ink.shape)[..., None]
            paint = color + ramp * rng.uniform(-45, 45, 3).astype(np.float32)
        if style.paint_texture and rng.random() < style.paint_texture:
            grain = texture(rng, ink.shape) * np.float32(rng.uniform(8, 35))
            paint = paint + grain[..., None]
        if rng.random() < style.relief:
            light = effects.relief(rng, alpha, unit) * np.float32(rng.uniform(30, 90))
            if rng.random() < style.carved:  # into the board itself: no color of its own
                # On white or black there would be no light and shade to see.
                image = image + np.clip(mean, 70, 185) - mean
                return image + (light * np.float32(1.4))[..., None] - 20 * alpha[..., None]
            paint = paint + light[..., None]
        if rng.random() < style.worn:
            alpha = effects.worn(rng, alpha)
        if rng.random() < style.dotted:
            alpha = effects.dotted(rng, alpha, unit)
        return effects.blend(image, alpha, paint)


def _reweighted(ink: np.ndarray, glyphs: np.ndarray,
                radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Make letters bolder (positive radius in pixels) or lighter, and their labels with them."""
    side = 2 * int(np.ceil(abs(radius))) + 1
    ink = effects.grown(ink.astype(np.float32), radius).round().astype(np.uint8)
    spread = cv2.dilate(glyphs, np.ones((side, side), np.uint8))
    return ink, np.where(glyphs > 0, glyphs, spread) * (ink > 127)


def _calmed(image: np.ndarray, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """Damp a background that would drown text of a given contrast; return its mean color too."""
    image = np.clip(image, 0, 255)
    mean = image.mean((0, 1), dtype=np.float32)
    spread = float(luminance(image).std())
    if 1.8 * spread > contrast:
        image = mean + np.float32(contrast / (1.8 * spread)) * (image - mean)
    return image, mean


def _crop_box(rng: np.random.Generator, style: RenderStyle, glyphs: np.ndarray,
              unit: float) -> tuple[slice, slice]:
    """Rows and columns of the crop: the ink's box moved by random margins."""
    x, y, w, h = cv2.boundingRect(glyphs)
    if rng.random() < style.tight:
        margins = rng.uniform(-0.04, 0.12, 4)
        # Cutting into a word may take letters off its ends, so it cuts less there.
        margins[:2] = np.maximum(margins[:2], -0.02)
    else:
        margins = rng.uniform(*style.margin, 4)
    left, right, above, below = (margins * unit).round().astype(int)
    x0, y0 = max(x - left, 0), max(y - above, 0)
    return (slice(y0, max(min(y + h + below, glyphs.shape[0]), y0 + 2)),
            slice(x0, max(min(x + w + right, glyphs.shape[1]), x0 + 2)))


def _to_height(image: np.ndarray, glyphs: np.ndarray,
               limits: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    height, width = glyphs.shape
    wanted = int(np.clip(height, *limits))
    if wanted == height:
        return image, np.ascontiguousarray(glyphs)
    size = (max(2, round(width * wanted / height)), wanted)
    how = cv2.INTER_AREA if wanted < height else cv2.INTER_LINEAR
    return (cv2.resize(image, size, interpolation=how),
            cv2.resize(glyphs, size, interpolation=cv2.INTER_NEAREST))


def _camera(rng: np.random.Generator, style: RenderStyle, image: np.ndarray,
            glyphs: np.ndarray, bearable: float) -> np.ndarray:
    """Light, lens, sensor and compression: float32 to uint8 BGR of the same size; of blur and loss
    of resolution the part that is ``bearable``."""
    if rng.random() < style.lighting:
        image = effects.lighting(rng, image)
    if rng.random() < style.tone:
        image = effects.tone(rng, image, style.low_contrast,
                             effects.separation(image, glyphs))
    height, width = image.shape[:2]
    low, high = np.log(style.seen_height)
    seen = height
    if rng.random() < style.low_resolution:
        seen = int(np.exp(rng.uniform(low, high)) / bearable)
    if rng.random() < style.blur:
        # Few pixels blur enough by themselves: both at full strength leave nothing to read.
        sigma = rng.uniform(*style.blur_sigma) * 0.75 * height * bearable
        image = effects.blurred(rng, image, sigma * min(1.0, 0.3 + seen / 48))
    if seen < height:
        size = (max(2, round(width * seen / height)), seen)
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if rng.random() < style.sharpen:
        image = effects.sharpened(image, rng.uniform(0.3, 1.5))
    if rng.random() < style.noise:
        # Small crops come from noisier, smoothed pictures, but noise must not drown the letters.
        sigma = rng.uniform(*style.noise_sigma) * min(1.0, 0.15 + image.std() / 45)
        image = effects.noisy(rng, image, sigma)
    picture = effects.to_uint8(image)
    if rng.random() < style.jpeg:
        picture = effects.recompressed(picture, rng.integers(*style.jpeg_quality, endpoint=True))
    if seen < height:
        how = cv2.INTER_CUBIC if rng.random() < 0.5 else cv2.INTER_LINEAR
        picture = cv2.resize(picture, (width, height), interpolation=how)
    return picture
