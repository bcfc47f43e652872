"""What drawn words are made of: how they stand, what they are written on, and the paint."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import effects
from .backgrounds import linear_ramp, make_background, metal, texture
from .colors import contrasting_color, luminance, random_color
from .fonts import FontLibrary
from .layout import Warp
from .plates import plate_board
from .styles import RenderStyle
from .words import WordSource


class WordPainter:
    """Draws, by a generator, everything of a word but its letters.

    ``words`` is anything with ``draw(rng)``, ``style`` None is 'hard', ``photographs`` are picture
    files for backgrounds.
    """

    def __init__(self, fonts: FontLibrary, words: WordSource, style: RenderStyle | None = None,
                 photographs: Sequence[str] = ()) -> None:
        self.fonts = fonts
        self.words = words
        self.style = style if style is not None else RenderStyle.preset('hard')
        self.photographs = list(photographs)

    def spacing(self, rng: np.random.Generator, capitals: bool) -> tuple[float, float]:
        """Spacing in cap heights, and the size of the first letter by that of the others."""
        # Crowded and widely spaced words are both rarer than evenly set ones.
        spacing = rng.uniform(*self.style.spacing) if rng.random() < 0.5 else 0.0
        return spacing, rng.uniform(1.15, 1.35) if capitals and rng.random() < 0.06 else 1.0

    def jitter(self, rng: np.random.Generator) -> float:
        """How far letters stray from the baseline, in cap heights."""
        return rng.uniform(0.02, 0.06) if rng.random() < 0.05 and self.style.worn > 0 else 0.0

    def warp(self, rng: np.random.Generator, length: int) -> Warp:
        """How a text of so many letters stands."""
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

    def elastic(self, rng: np.random.Generator) -> float:
        """How strong the elastic distortion is; 0 is none."""
        if self.style.elastic and rng.random() < self.style.elastic:
            return float(rng.uniform(*self.style.elastic_strength))
        return 0.0

    def weight(self, rng: np.random.Generator) -> float:
        """How much bolder letters are than their face, in cap heights."""
        return rng.uniform(-0.01, 0.05) if rng.random() < 0.25 else 0.0

    def board(self, rng: np.random.Generator, ink: np.ndarray,
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
