"""Renders words that look like crops of scene text, with exact glyph masks."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import effects
from .camera import bearable_blur, crop_box, photograph, to_height
from .fonts import FontFace, FontLibrary, as_drawn
from .groups import render_group
from .layout import Line, lay_out, warp_line
from .painter import WordPainter
from .rendered import RenderedGroup, RenderedWord
from .styles import RenderStyle
from .words import WordSource


class WordRenderer(WordPainter):
    """Renders word number ``index`` of an endless, reproducible list.

    Every word has a generator of its own, so the list does not depend on the number of processes or
    the order of the calls. For the arguments see :class:`.painter.WordPainter`.
    """

    def __init__(self, fonts: FontLibrary, words: WordSource, style: RenderStyle | None = None,
                 photographs: Sequence[str] = (), seed: int = 0) -> None:
        super().__init__(fonts, words, style, photographs)
        self.seed = seed

    def __call__(self, index: int) -> RenderedWord:
        return self.render((self.seed, index))

    def render(self, key: Sequence[int]) -> RenderedWord:
        rng = np.random.default_rng(list(key))
        text, face = self._word(rng)
        text = as_drawn(face, text)
        line = self._line(rng, face, text)
        warp = self.warp(rng, len(text))
        ink, context, glyphs = warp_line(line, warp, elastic=self.elastic(rng), rng=rng)
        box = crop_box(rng, self.style, glyphs, line.cap_height)
        ink, context, glyphs = ink[box], context[box], glyphs[box]
        ink = np.maximum(ink, context)
        radius = self.weight(rng) * line.cap_height
        ink, glyphs = effects.reweighted(ink, glyphs, radius)
        board, mean, color = self.board(rng, ink, line.cap_height)
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
        spacing, first_larger = self.spacing(rng, text.isupper())
        neighbors = tuple(self._neighbor(rng, face) if rng.random() < style.neighbors else ''
                           for _ in range(4))
        jitter = self.jitter(rng)
        return lay_out(face, text, rng.uniform(*style.cap_height), spacing, first_larger, jitter,
                       neighbors=neighbors, rng=rng)

    def _neighbor(self, rng: np.random.Generator, face: FontFace) -> str:
        word = self.words.draw(rng)
        return word if set(word) <= face.characters else ''
