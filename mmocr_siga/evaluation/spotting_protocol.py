"""When a word of a picture counts as found and read: the protocols of ICDAR 2015 and Total-Text.

G words of the ground truth, D detections of one picture. Sources: D. Karatzas et al., ICDAR 2015
Competition on Robust Reading, section on end-to-end tasks, with the evaluation script of its
challenge 4, which Total-Text (C. K. Ch'ng and C. S. Chan, ICDAR 2017) is evaluated by, too.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import shapely

from ..geometry.polygons import polygon_shape

__all__ = [
    'SPOTTING_PROTOCOLS', 'Counts', 'Overlaps', 'count_hits', 'dictionary_form', 'hmean',
    'in_dictionary', 'overlaps', 'same_text',
]

SPOTTING_PROTOCOLS = ('detection', 'end_to_end', 'word_spotting')
# Marks that may be left out at the ends of a word in the end-to-end protocol.
SPECIAL = '!?.:,*"()\u00b7[]/\''
# Ranges of letters of words that can be in a dictionary, and the hyphen.
_LETTERS = (('a', 'z'), ('A', 'Z'), ('\u00c0', '\u01bf'), ('\u01c4', '\u027f'),
            ('\u0386', '\u03ff'), ('-', '-'))
_NO_LETTERS = '\u00d7\u00f7\u00b7'
SHORTEST = 3


def dictionary_form(text: str) -> str:
    """A word as it is compared in word spotting: without an ``'s`` at its end, hyphens at its
    ends, and marks, of which those inside become blanks."""
    if text[-2:] in ("'s", "'S"):
        text = text[:-2]
    text = text.strip('-')
    return ''.join(' ' if char in SPECIAL else char for char in text).strip()


def in_dictionary(text: str) -> bool:
    """Whether word spotting asks for a word: its :func:`dictionary_form` is one of at least three
    letters or hyphens. Others are don't-care regions there."""
    form = dictionary_form(text)
    return len(form) >= SHORTEST and all(
        char not in _NO_LETTERS and any(low <= char <= high for low, high in _LETTERS)
        for char in form)


def same_text(truth: str, reading: str, protocol: str = 'end_to_end') -> bool:
    """Whether a reading is right, letter case left aside; always in ``'detection'``.

    In the end-to-end protocol one mark at the beginning and one at the end of the truth may be
    missing from the reading; marks elsewhere must be read. In word spotting the
    :func:`dictionary_form` of the truth must be read.
    """
    if protocol == 'detection':
        return True
    reading = reading.upper()
    if protocol == 'word_spotting':
        return dictionary_form(truth).upper() == reading
    truth = truth.upper()
    forms = {truth}
    if truth[:1] and truth[0] in SPECIAL:
        forms.add(truth[1:])
    if truth[-1:] and truth[-1] in SPECIAL:
        forms |= {form[:-1] for form in forms}
    return reading in forms


@dataclass(frozen=True)  # no tuple: MMEngine makes plain ones of those
class Overlaps:
    """Where ground truth and detections of a picture lie over each other."""

    pairs: np.ndarray  # int64 (M, 2): word and detection with an IoU above the threshold, ordered
    covered: np.ndarray  # int64 (N, 2): ... of which more than the threshold lies within the word
    lost_words: int  # words whose regions enclose nothing


def overlaps(words: Sequence[Any], detections: Sequence[Any], iou: float = 0.5,
             cover: float = 0.5) -> Overlaps:
    """Find which of G and D polygons lie over each other; those that cross themselves stand for
    what they enclose. ``iou`` and ``cover`` are the thresholds of intersection over union, and over
    the detection's area."""
    first, second = (np.array([polygon_shape(polygon) for polygon in each] or [], object)
                     for each in (words, detections))
    # Those whose boxes touch, ordered by the word, then by the detection; never one of None.
    pairs = shapely.STRtree(second).query(first).T.astype(np.int64)
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    left, right = first[pairs[:, 0]], second[pairs[:, 1]]
    shared, area = shapely.area(shapely.intersection(left, right)), shapely.area(right)
    union = shapely.area(left) + area - shared
    return Overlaps(pairs[shared > iou * union], pairs[shared > cover * area],
                    sum(shape is None for shape in first))


class Counts(NamedTuple):
    """What is counted of a picture, or of several."""

    words: int  # that are asked for
    detections: int  # that count
    hits: int  # detections that are right


def count_hits(found: Overlaps, truths: Sequence[str], care: np.ndarray,
               readings: Sequence[str | None], protocol: str = 'end_to_end') -> Counts:
    """Match detections with words, and count those that are right.

    Detections that lie with more than half of their area in a don't-care region do not count.
    Each word takes the first detection that overlaps it and is not taken yet, whatever was read:
    a second one on the same word is wrong. That greedy rule is the scripts'; an optimal assignment
    would give other figures.

    ``care``, bool (G, ), is False for don't-care regions; so are, in ``'word_spotting'``, words
    that are not :func:`in_dictionary`. Of the D readings None stands for one that is left out.
    """
    care = np.array(care, bool)
    if protocol == 'word_spotting':
        care &= np.array([in_dictionary(text) for text in truths], bool)
    counts = np.array([reading is not None for reading in readings], bool)
    counts[found.covered[~care[found.covered[:, 0]], 1]] = False
    hits, taken_words, taken = 0, set(), set()
    for word, detection in found.pairs.tolist():
        if (not care[word] or not counts[detection] or word in taken_words
                or detection in taken):
            continue
        taken_words.add(word)
        taken.add(detection)
        hits += same_text(truths[word], readings[detection], protocol)
    return Counts(int(care.sum()), int(counts.sum()), hits)


def hmean(counts: Counts) -> tuple[float, float, float]:
    """Precision, recall and their harmonic mean; 0 where there is nothing to divide by."""
    totals = counts.detections, counts.words, (counts.detections + counts.words) / 2
    return tuple(counts.hits / max(total, 1) for total in totals)
