"""What was read from pictures of words and of scenes."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

__all__ = ['EditResult', 'EditedWord', 'SceneResult', 'SkippedRegion', 'SpottedWord', 'WordResult']


@dataclass
class WordResult:
    """What was read from the picture of a word; boxes are in its pixels."""
    path: str | None = None  # None: a picture from memory
    text: str = ''  # empty if nothing was read, or the picture could not be
    score: float = 0.0  # probability of all characters of the word and of its end
    char_scores: list[float] = field(default_factory=list)
    # x1, y1, x2, y2 of each character; None: not asked for, or asked of glyph maps where none are.
    char_boxes: list[list[float]] | None = None
    size: tuple[int, int] | None = None  # width and height of the picture
    mask: np.ndarray | None = None  # (height, width), 0 on background, k on the k-th character
    nbest: list[tuple[str, float]] | None = None  # with scores, best first; the first is the text
    error: str | None = None  # why the picture could not be read
    view: str | None = None  # from which side it was read, as 'turned left'; None: as it is
    by_context: bool = False  # whether labelled words that look like it had a say

    def to_dict(self) -> dict[str, Any]:
        """For JSON: path, text, score, char_scores and char_boxes; nbest and error where there."""
        names = ['path', 'text', 'score', 'char_scores', 'char_boxes']
        names += [name for name in ('nbest', 'error') if getattr(self, name) is not None]
        return {name: getattr(self, name) for name in names}


@dataclass
class SpottedWord:
    """A word of a scene. Coordinates are pixels of the picture."""
    polygon: list[list[float]]  # (x, y) of each point of its outline, clockwise
    text: str
    score: float  # probability of the text
    det_score: float | None = None  # the detector's confidence; None: a region without one
    char_scores: list[float] = field(default_factory=list)
    # Of each character four points: its upper left, upper right, lower right and lower left corner.
    # None: not asked for, or a recognizer without boxes.
    char_polygons: list[list[list[float]]] | None = None


@dataclass
class SkippedRegion:
    """A region that was not read: as it was given or detected (None in place of numbers that are
    not finite), and why."""
    polygon: Any
    reason: str


@dataclass
class SceneResult:
    """What was found and read in a picture."""
    path: str | None = None  # None: a picture from memory
    size: tuple[int, int] | None = None  # width and height
    words: list[SpottedWord] = field(default_factory=list)  # in the order of their regions
    skipped: list[SkippedRegion] = field(default_factory=list)
    error: str | None = None  # why the picture could not be read
    # How words were looked for, where that was not in the picture as a whole, or much reduced.
    note: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON; ``error`` and ``note`` only where there are any."""
        return {name: value for name, value in asdict(self).items()
                if value is not None or name not in ('error', 'note')}


@dataclass
class EditedWord:
    """A word that was rewritten or erased."""
    polygon: list[list[float]] | None  # (x, y) of each point; None: the whole picture
    text: str | None  # what it was to become; None: erased
    before: str  # what was read there
    reading: str = ''  # what is read there now
    score: float = 0.0  # probability of that reading

    @property
    def right(self) -> bool:
        """Whether what was to be written is read."""
        return self.text == self.reading


@dataclass
class EditResult:
    """What became of a picture."""
    path: str | None = None  # None: a picture from memory
    picture: np.ndarray | None = None  # uint8 BGR (H, W, 3); None: there is none
    words: list[EditedWord] = field(default_factory=list)  # in the order of their regions
    skipped: list[SkippedRegion] = field(default_factory=list)  # polygon None: the whole
    error: str | None = None  # why the picture could not be read
