"""What was read from a picture of a word."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .tta import Look

__all__ = ['WordReading', 'better_reading', 'taken_back']


@dataclass
class WordReading:
    """What was read from one picture.

    Attributes:
        path (str, optional): The file; None for a picture from memory.
        text (str): The word; empty if nothing was read, or the picture could not be.
        score (float): Probability of the whole word in [0, 1]: of all its characters and of its
            end.
        char_scores (list[float]): Probability of each character.
        char_boxes (list[list[float]], optional): Left, top, right and bottom of each character in
            the picture's own pixels. None where they were not asked for or the model has no glyph
            maps.
        size (tuple[int, int], optional): Width and height of the picture.
        mask (ndarray, optional): (height, width), 0 on background and k on the k-th character.
        nbest (list[tuple[str, float]], optional): The most probable words with their scores, best
            first; the first is ``text``.
        error (str, optional): Why the picture could not be read.
        look (Look, optional): From which other side the word was read.
    """
    path: str | None = None
    text: str = ''
    score: float = 0.0
    char_scores: list[float] = field(default_factory=list)
    char_boxes: list[list[float]] | None = None
    size: tuple[int, int] | None = None
    mask: np.ndarray | None = None
    nbest: list[tuple[str, float]] | None = None
    error: str | None = None
    look: Look | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: path, text, score, char_scores and char_boxes; nbest and error where there."""
        out = dict(path=self.path, text=self.text, score=self.score, char_scores=self.char_scores,
                   char_boxes=self.char_boxes)
        for name in ('nbest', 'error'):
            if getattr(self, name) is not None:
                out[name] = getattr(self, name)
        return out


def taken_back(reading: WordReading, look: Look, first: WordReading) -> WordReading:
    """A reading of what a look shows as one of the picture, in place.

    Args:
        reading (WordReading): With places in pixels of what the look shows.
        look (Look): How the picture was looked at.
        first (WordReading): That of the picture itself.
    """
    reading.look, reading.path, reading.size = look, first.path, first.size
    if reading.char_boxes is not None:
        reading.char_boxes = look.boxes_back(reading.char_boxes, first.size).tolist()
    if reading.mask is not None:
        reading.mask = look.mask_back(reading.mask, first.size)
    return reading


def better_reading(one: WordReading, other: WordReading) -> WordReading:
    """The more probable of two readings of a picture, with the n best of both.

    To have read nothing counts least, however sure. The first is taken of two that are equal.
    """
    better = max(one, other, key=lambda reading: (reading.text != '', reading.score))
    if one.nbest is not None and other.nbest is not None:
        found = {better.text: better.score}
        for text, score in sorted(one.nbest + other.nbest, key=lambda pair: -pair[1]):
            found.setdefault(text, score)
        better.nbest = list(found.items())[:max(len(one.nbest), len(other.nbest))]
    return better
