"""Faces drawn by rule: dot matrices and seven-segment digits, for machines without such fonts.

A face is named ``built-in:<kind>/<numbers>``, numbers in per cent:

- ``built-in:dots/44``: 5 x 7 round dots whose radius is 0.44 of their distance;
- ``built-in:squares/80``: 5 x 7 square dots whose side is 0.80 of their distance;
- ``built-in:dots/44/1234`` or ``squares``: an invented script, a random pattern of 5 x 7 dots for
  each character whatever, by a seed, here 1234;
- ``built-in:segments/14/8``: segments 0.14 of the height thick, slanted by 0.08 of the height.
"""
from __future__ import annotations

import cv2
import numpy as np

PREFIX = 'built-in:'
DOT_FACES = tuple(PREFIX + name for name in ('dots/34', 'dots/42', 'dots/50', 'squares/70',
                                             'squares/92'))
SEGMENT_FACES = tuple(PREFIX + name for name in ('segments/11/0', 'segments/15/8',
                                                 'segments/19/12'))

# Seven rows of five dots, the highest bit on the left.
_DOTS = {
    '0': '0E11131519110E', '1': '040C040404040E', '2': '0E11010204081F', '3': '1F02040201110E',
    '4': '02060A121F0202', '5': '1F101E0101110E', '6': '0608101E11110E', '7': '1F010204080808',
    '8': '0E11110E11110E', '9': '0E11110F01020C', 'A': '0E1111111F1111', 'B': '1E11111E11111E',
    'C': '0E11101010110E', 'D': '1C12111111121C', 'E': '1F10101E10101F', 'F': '1F10101E101010',
    'G': '0E11101711110F', 'H': '1111111F111111', 'I': '0E04040404040E', 'J': '0702020202120C',
    'K': '11121418141211', 'L': '1010101010101F', 'M': '111B1515111111', 'N': '11111915131111',
    'O': '0E11111111110E', 'P': '1E11111E101010', 'Q': '0E11111115120D', 'R': '1E11111E141211',
    'S': '0F10100E01011E', 'T': '1F040404040404', 'U': '1111111111110E', 'V': '11111111110A04',
    'W': '1111111515150A', 'X': '11110A040A1111', 'Y': '1111110A040404', 'Z': '1F01020408101F',
    'a': '00000E010F110F', 'b': '1010161911111E', 'c': '00000E1010110E', 'd': '01010D1311110F',
    'e': '00000E111F100E', 'f': '0609081C080808', 'g': '000F11110F010E', 'h': '10101619111111',
    'i': '04000C0404040E', 'j': '0200060202120C', 'k': '10101214181412', 'l': '0C04040404040E',
    'm': '00001A15151111', 'n': '00001619111111', 'o': '00000E1111110E', 'p': '00001E111E1010',
    'q': '00000D130F0101', 'r': '00001619101010', 's': '00000E100E011E', 't': '08081C08080906',
    'u': '0000111111130D', 'v': '00001111110A04', 'w': '0000111115150A', 'x': '0000110A040A11',
    'y': '000011110F010E', 'z': '00001F0204081F', '-': '0000001F000000', '.': '00000000000C0C',
    '/': '00010204081000', ':': '000C0C000C0C00', '#': '0A0A1F0A1F0A0A', '+': '0004041F040400',
    '*': '0004150E150400', '=': '00001F001F0000', '(': '02040808080402', ')': '08040202020408',
    ',': '000000000C0408', '_': '0000000000001F',
}
# Top, upper right, lower right, bottom, lower left, upper left, middle.
_SEGMENTS = {
    '0': 'abcdef', '1': 'bc', '2': 'abged', '3': 'abgcd', '4': 'fgbc', '5': 'afgcd',
    '6': 'afgedc', '7': 'abc', '8': 'abcdefg', '9': 'abcdfg', 'A': 'abcefg', 'C': 'adef',
    'E': 'adefg', 'F': 'aefg', 'H': 'bcefg', 'L': 'def', 'P': 'abefg', 'U': 'bcdef', '-': 'g',
    'b': 'cdefg', 'd': 'bcdeg',
}
_SHIFT = 4  # fixed-point bits of OpenCV's drawing


def built_in_characters(path: str) -> frozenset[str]:
    return frozenset(_SEGMENTS if 'segments/' in path else _DOTS)


def dot_pattern(char: str, seed: int | None = None) -> np.ndarray:
    """The dots of a character, bool of shape (7, 5); with a seed, of its invented script."""
    if seed is not None:
        return np.random.default_rng([seed, ord(char)]).random((7, 5)) < 0.5
    rows = np.frombuffer(bytes.fromhex(_DOTS[char]), np.uint8)
    return np.unpackbits(rows[:, None], axis=1)[:, 3:].astype(bool)


class BuiltInFont:
    """A built-in face at one size in pixels, in the place of an opened font file."""

    def __init__(self, path: str, size: int) -> None:
        self._kind, *numbers = path[len(PREFIX):].split('/')
        self.path, self.size = path, size
        self._script = int(numbers.pop()) if self._kind != 'segments' and numbers[1:] else None
        self._numbers = [int(n) / 100 for n in numbers]

    def getlength(self, text: str) -> float:
        """Advance of a text in pixels."""
        return len(text) * self.size * (6 / 7 if self._kind != 'segments' else 0.78)

    def glyph(self, char: str) -> tuple[np.ndarray, int, int]:
        if char.isspace():
            return np.zeros((0, 0), np.uint8), 0, 0
        draw = self._segments if self._kind == 'segments' else self._dots
        return draw(char), -1, -self.size - 1

    def _dots(self, char: str) -> np.ndarray:
        pitch, extent = self.size / 7, self._numbers[0]
        canvas = np.zeros((self.size + 3, int(np.ceil(5 * pitch)) + 3), np.uint8)
        for row, column in np.argwhere(dot_pattern(char, self._script)):
            x, y = 1 + (column + 0.5) * pitch, 1 + (row + 0.5) * pitch
            if self._kind == 'dots':
                cv2.circle(canvas, _fixed(x - 0.5, y - 0.5), _fixed(extent * pitch)[0], 255, -1,
                           cv2.LINE_AA, _SHIFT)
            else:
                left, top, right, bottom = (at + sign * extent * pitch / 2
                                            for sign in (-1, 1) for at in (x, y))
                _fill(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)])
        return canvas

    def _segments(self, char: str) -> np.ndarray:
        height, (thick, slant) = float(self.size), self._numbers
        width, t = 0.56 * height, thick * height / 2
        middle, gap = height / 2, 0.02 * height
        ends = {'a': ((t, t), (width - t, t)), 'g': ((t, middle), (width - t, middle)),
                'd': ((t, height - t), (width - t, height - t)),
                'f': ((t, t), (t, middle)), 'b': ((width - t, t), (width - t, middle)),
                'e': ((t, middle), (t, height - t)),
                'c': ((width - t, middle), (width - t, height - t))}
        canvas = np.zeros((self.size + 3, int(np.ceil(width + slant * height)) + 3), np.uint8)
        for name in _SEGMENTS[char]:
            start, end = np.array(ends[name])
            along = (end - start) / np.linalg.norm(end - start)
            across = along[::-1] * (1, -1)
            start, end = start + gap * along, end - gap * along
            corners = np.array([start, start + t * (along + across), end - t * (along - across),
                                end, end - t * (along + across), start + t * (along - across)])
            corners[:, 0] += slant * (height - corners[:, 1])
            _fill(canvas, corners + 1)
        return canvas


def _fixed(*values: float) -> tuple[int, ...]:
    return tuple(int(round(v * (1 << _SHIFT))) for v in values)


def _fill(canvas: np.ndarray, corners: np.ndarray | list) -> None:
    # OpenCV counts from the middle of a pixel.
    points = np.rint((np.asarray(corners) - 0.5) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [points], 255, cv2.LINE_AA, _SHIFT)
