"""Renders words that look like crops of scene text, with exact glyph masks."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import effects
from .backgrounds import linear_ramp, make_background, metal, texture
from .camera import bearable_blur, crop_box, photograph, to_height
from .colors import contrasting_color, luminance, random_color
from .fonts import FontFace, FontLibrary, as_drawn
from .groups import render_group
from .layout import Line, Warp, lay_out, warp_line
from .plates import plate_board
from .rendered import RenderedGroup, RenderedWord
from .styles import RenderStyle
from .words import WordSource


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
        text = as_drawn(face, text)
        line = self._line(rng, face, text)
        warp = self._warp(rng, len(text))
        ink, context, glyphs = warp_line(line, warp, elastic=self._elastic(rng), rng=rng)
        box = crop_box(rng, self.style, glyphs, line.cap_height)
        ink, context, glyphs = ink[box], context[box], glyphs[box]
        ink = np.maximum(ink, context)
        radius = self._weight(rng) * line.cap_height
        ink, glyphs = effects.reweighted(ink, glyphs, radius)
        board, mean, color = self._board(rng, ink, line.cap_height)
        image = self.write(rng, board, ink, line.cap_height, mean, color)
        unit = line.cap_height / image.shape[0]
        image, glyphs = to_height(image, glyphs, self.style.height)
        image = photograph(rng, self.style, image, glyphs, bearable_blur(unit))
        return RenderedWord(image, text, glyphs, face.path)

    def render_group(self, key: Sequence[int], count: int, texts: Sequence[str] | None = None,
                     layout: str | None = None) -> RenderedGroup:
        """Render different words in one style, and their background without text.

        See :func:`.groups.render_group`.
        """
        return render_group(self, key, count, texts, layout)

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
        spacing, first_larger = self._spacing(rng, text.isupper())
        neighbors = tuple(self._neighbor(rng, face) if rng.random() < style.neighbors else ''
                           for _ in range(4))
        jitter = self._jitter(rng)
        return lay_out(face, text, rng.uniform(*style.cap_height), spacing, first_larger, jitter,
                       neighbors=neighbors, rng=rng)

    def _spacing(self, rng: np.random.Generator, capitals: bool) -> tuple[float, float]:
        """Spacing in cap heights, and the size of the first letter by that of the others."""
        # Crowded and widely spaced words are both rarer than evenly set ones.
        spacing = rng.uniform(*self.style.spacing) if rng.random() < 0.5 else 0.0
        return spacing, rng.uniform(1.15, 1.35) if capitals and rng.random() < 0.06 else 1.0

    def _jitter(self, rng: np.random.Generator) -> float:
        return rng.uniform(0.02, 0.06) if rng.random() < 0.05 and self.style.worn > 0 else 0.0

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

    def _elastic(self, rng: np.random.Generator) -> float:
        if self.style.elastic and rng.random() < self.style.elastic:
            return float(rng.uniform(*self.style.elastic_strength))
        return 0.0

    def _weight(self, rng: np.random.Generator) -> float:
        """How much bolder letters are than their face, in cap heights."""
        return rng.uniform(-0.01, 0.05) if rng.random() < 0.25 else 0.0

    def _board(self, rng: np.random.Generator, ink: np.ndarray,
               unit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What paint coverage (H, W) is to be written on, float32 BGR (H, W, 3), its mean color and
        the color of the paint."""
        style = self.style
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
        return image, mean, color

    def write(self, rng: np.random.Generator, image: np.ndarray, ink: np.ndarray, unit: float,
              mean: np.ndarray, color: np.ndarray, measured: dict | None = None) -> np.ndarray:
        """Paint coverage (H, W) of a cap height of ``unit`` pixels on a picture of a ``mean`` color
        in another: float32 BGR (H, W, 3). For ``measured`` see :func:`.effects.relief`."""
        style = self.style
        alpha = ink.astype(np.float32) / np.float32(255)
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
            light = effects.relief(rng, alpha, unit, measured)
            light *= np.float32(rng.uniform(30, 90))
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


def _calmed(image: np.ndarray, contrast: float) -> tuple[np.ndarray, np.ndarray]:
    """Damp a background that would drown text of a given contrast; return its mean color too."""
    image = np.clip(image, 0, 255)
    mean = image.mean((0, 1), dtype=np.float32)
    spread = float(luminance(image).std())
    if 1.8 * spread > contrast:
        image = mean + np.float32(contrast / (1.8 * spread)) * (image - mean)
    return image, mean
