"""Readings brought to the closest word of a list.

V words of a lexicon, L characters of a reading. The picked word is the one with the smallest edit
distance, as in the evaluation of Mask TextSpotter (M. Liao et al., TPAMI 2021) and ABCNet
(Y. Liu et al., CVPR 2020).
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import numpy as np
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein

from .files import nfc, strict_lines

__all__ = ['DISTANCES', 'Lexicon', 'read_lexicon', 'weighted_distances']

DISTANCES = ('plain', 'normalized', 'weighted')


def read_lexicon(path: str | os.PathLike) -> list[str]:
    """Words of a file, one a line, in NFC; of lines with several fields the first."""
    words = [nfc(line.split()[0]) for _, line in strict_lines(path) if line.strip('\ufeff \t')]
    if not words:
        raise ValueError(f'the lexicon {os.fspath(path)} holds no words')
    return words


class Lexicon:
    """A list of words among which readings are corrected, letter case left aside.

    Args:
        words: Of equally close ones the first is picked.
        distance: ``'plain'``, the number of edits; ``'normalized'``, that over the length of the
            longer word; ``'weighted'``, see :func:`weighted_distances`.
        max_distance: Largest distance, always as a number of edits (weighted ones for
            ``'weighted'``), at which a reading is corrected.
    """

    def __init__(self, words: Iterable[str], distance: str = 'plain',
                 max_distance: float | None = None) -> None:
        if distance not in DISTANCES:
            raise ValueError(f'distance must be one of {DISTANCES}, but is {distance!r}')
        self.words = list(dict.fromkeys(nfc(word.upper()) for word in words if word))
        self.distance, self.max_distance = distance, max_distance
        self._picked: dict[tuple, str | None] = {}

    def pick(self, reading: str, scores: Sequence[float] | None = None) -> str | None:
        """The closest word in upper case, None if none is close enough; ``scores`` are the L
        confidences of the reading's characters, for ``'weighted'``."""
        weighted = self.distance == 'weighted'
        key = (nfc(reading.upper()), tuple(scores) if weighted and scores is not None else None)
        if key not in self._picked:
            self._picked[key] = self._search(*key)
        return self._picked[key]

    def _search(self, reading: str, scores: tuple | None) -> str | None:
        if not self.words:
            return None
        if self.distance == 'weighted':
            # Upper case may have more characters.
            fits = scores is not None and len(scores) == len(reading)
            distances = weighted_distances(
                reading, scores if fits else [1.] * len(reading), self.words)
            best = int(distances.argmin())
            word, edits = self.words[best], float(distances[best])
        else:
            scorer = (Levenshtein.distance if self.distance == 'plain' else
                      Levenshtein.normalized_distance)
            word = process.extractOne(reading, self.words, scorer=scorer)[0]
            edits = Levenshtein.distance(reading, word)
        return word if self.max_distance is None or edits <= self.max_distance else None


def weighted_distances(reading: str, scores: Sequence[float], words: Sequence[str]) -> np.ndarray:
    """Edit distances, float64 (V, ), in which characters that are doubtful are cheap to change.

    To replace or to drop a character costs the confidence with which it was read (cut to [0, 1],
    and 1 where it is no number), to add one costs 1.
    """
    cost = np.nan_to_num(np.asarray(scores, np.float64), nan=1.).clip(0, 1)
    lengths = np.array([len(word) for word in words], np.int64)
    codes = np.zeros((len(words), max(lengths.max(initial=0), 1)), np.int64)
    for row, word in zip(codes, words):
        row[:len(word)] = [ord(char) for char in word]
    # Row i of the table, for all words at once: distances of the first i characters read.
    row = np.broadcast_to(np.arange(codes.shape[1] + 1, dtype=np.float64),
                          (len(words), codes.shape[1] + 1))
    for char, weight in zip(reading, cost):
        after = row + weight
        replaced = row[:, :-1] + weight * (codes != ord(char))
        np.minimum(after[:, 1:], replaced, out=after[:, 1:])
        for j in range(1, after.shape[1]):
            np.minimum(after[:, j], after[:, j - 1] + 1, out=after[:, j])
        row = after
    return row[np.arange(len(words)), lengths]
