"""What a recognizer looked at while it read a word. L characters read, no end mark."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Explanation(NamedTuple):
    """How a word was read. All maps lie over ``image``."""

    characters: tuple[str, ...]  # L; a token for unknown characters is one of them
    scores: tuple[float, ...]  # L, in [0, 1]
    image: np.ndarray  # what the backbone saw, padding included, uint8 BGR (H, W, 3)
    whole: bool  # whether that is the whole picture, neither padded nor straightened
    text_mask: np.ndarray | None  # (H, W) bool, as the recognizer predicts it
    attention: np.ndarray | None  # (L, w)
    glyph_maps: dict[str, np.ndarray]  # (L, h, w) per scale, without background
    char_boxes: np.ndarray | None  # (L, 4): x1, y1, x2, y2 in pixels of ``image``; NaN: unknown
    # (L, H, W), the attention on single pixels, where these are what was read; NaN: not taken
    pixels: np.ndarray | None = None

    @property
    def text(self) -> str:
        """The word."""
        return ''.join(self.characters)

    def of_reading(self, text: str, scores: Sequence[float]) -> Explanation:
        """The same of a reading that others had a say in, as words of a context: where each of its
        characters is, is known if there are as many."""
        unknown = {} if len(text) == len(self.characters) else dict(
            attention=None, glyph_maps={}, char_boxes=None, pixels=None)
        return self._replace(characters=tuple(text), scores=tuple(scores), **unknown)
