"""Regions of words as people write them down."""
from __future__ import annotations

import re

__all__ = ['parse_regions']

MOST_CORNERS = 64
_NUMBER = re.compile(r'[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?')


def parse_regions(text: str) -> list[list[float]]:
    """Read regions, one a line: polygons of x and y interleaved.

    A line is a box ``x1, y1, x2, y2`` or a polygon ``x1, y1, ..., xn, yn``, n >= 3, that begins at
    the upper left corner of the word and goes clockwise; commas or blanks part the numbers. What
    follows them, such as the text in the ICDAR sets' ``x1,y1,...,x4,y4,text``, is left aside, and
    so are empty lines.
    """
    regions = []
    for number, line in enumerate(text.lstrip('\ufeff').splitlines(), 1):
        if not line.strip():
            continue
        values = _leading_numbers(line)
        if len(values) % 2:
            values.pop()  # a word that is a number
        if len(values) < 4:
            raise ValueError(f'line {number} is no region: {line.strip()[:60]!r}; write x1, y1, '
                             'x2, y2 for a box, or x and y of each corner')
        if len(values) > 2 * MOST_CORNERS:
            raise ValueError(f'line {number} has {len(values) // 2} corners; at most '
                             f'{MOST_CORNERS} are taken')
        if len(values) == 4:
            (x1, x2), (y1, y2) = sorted(values[::2]), sorted(values[1::2])
            values = [x1, y1, x2, y1, x2, y2, x1, y2]
        regions.append(values)
    return regions


def _leading_numbers(line: str) -> list[float]:
    fields = line.split(',') if ',' in line else line.split()
    if len(fields) == 9 and ',' in line:
        fields.pop()  # four corners and the text
    values = []
    for field in fields:
        if not _NUMBER.fullmatch(field.strip()):
            break
        values.append(float(field))
    return values
