"""What was read from pictures of words and of scenes."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

__all__ = ['SceneResult', 'SkippedRegion', 'SpottedWord', 'WordResult']


@dataclass
class WordResult:
    """What was read from the picture of a word.

    Attributes:
        path: The file; None for a picture from memory.
        text: The word; empty if nothing was read, or the picture could not be.
        score: Probability of the whole word: of all its characters and of its end.
        char_scores: Probability of each character.
        char_boxes: Left, top, right and bottom of each character in pixels of the picture. None
            where they were not asked for or the model has no glyph maps.
        size: Width and height of the picture.
        mask: (height, width), 0 on background and k on the k-th character.
        nbest: The most probable words with their scores, best first; the first is ``text``.
        error: Why the picture could not be read.
        view: From which other side the word was read, such as 'turned left'; None: as it is.
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
    view: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON: path, text, score, char_scores and char_boxes; nbest and error where there."""
        names = ['path', 'text', 'score', 'char_scores', 'char_boxes']
        names += [name for name in ('nbest', 'error') if getattr(self, name) is not None]
        return {name: getattr(self, name) for name in names}


@dataclass
class SpottedWord:
    """A word of a scene. Coordinates are pixels of the picture.

    Attributes:
        polygon: Its outline: (x, y) of each point, clockwise.
        text: What was read.
        score: Probability of the text.
        det_score: Confidence of the detector; None for regions without one.
        char_scores: Probability of each character.
        char_polygons: Four points for each character: where its upper left, upper right, lower
            right and lower left corner are. None where they were not asked for or the recognizer
            gives no boxes.
    """
    polygon: list[list[float]]
    text: str
    score: float
    det_score: float | None = None
    char_scores: list[float] = field(default_factory=list)
    char_polygons: list[list[list[float]]] | None = None


@dataclass
class SkippedRegion:
    """A region that was not read: as it was given or detected (None in place of numbers that are
    not finite), and why."""
    polygon: Any
    reason: str


@dataclass
class SceneResult:
    """What was found and read in a picture.

    Attributes:
        path: The file; None for a picture from memory.
        size: Width and height of the picture.
        words: The words, in the order of their regions.
        skipped: Regions that were left out.
        error: Why the picture could not be read.
    """
    path: str | None = None
    size: tuple[int, int] | None = None
    words: list[SpottedWord] = field(default_factory=list)
    skipped: list[SkippedRegion] = field(default_factory=list)
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON; ``error`` only where there is one."""
        out = asdict(self)
        if self.error is None:
            del out['error']
        return out
