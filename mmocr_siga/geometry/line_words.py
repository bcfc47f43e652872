"""Words of a line that was read as one."""
from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ['LineWord', 'split_line']

# What a word keeps of the space beside it, as a share of the line's height.
_BESIDE = 0.1


class LineWord(NamedTuple):
    """Characters ``[begin, end)`` of a line, and where they are in its crop."""
    begin: int
    end: int
    left: float
    right: float


def split_line(text: str, boxes: Sequence[Sequence[float]],
               inner: Sequence[float]) -> list[LineWord]:
    """The words of a line, split at its spaces, in reading order; none without other characters.

    The first word begins where the line begins, the last one ends where it ends. Beside a space a
    word ends with its last character and a tenth of the line's height, up to half way to the next
    word.

    Args:
        text: L characters that were read.
        boxes: (L, 4), left, top, right and bottom of each.
        inner: Those of the line.
    """
    found = [match.span() for match in re.finditer(r'\S+', text)]
    lefts = [min(boxes[i][0] for i in range(*span)) for span in found]
    rights = [max(boxes[i][2] for i in range(*span)) for span in found]
    cuts = [(inner[0], inner[0])]
    for right, left in zip(rights, lefts[1:]):
        middle, beside = (right + left) / 2, _BESIDE * (inner[3] - inner[1])
        cuts.append((min(right + beside, middle), max(left - beside, middle)))
    cuts.append((inner[2], inner[2]))
    return [LineWord(*span, before[1], after[0])
            for span, before, after in zip(found, cuts, cuts[1:])]
