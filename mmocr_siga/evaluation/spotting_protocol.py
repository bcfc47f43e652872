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
from shapely.strtree import STRtree

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
    """A word as it is compared in word spotting.

    Args:
        text (str): The transcription.

    Returns:
        str: Without an ``'s`` at its end, hyphens at its ends, and marks, of which those inside
        become blanks.
    """
    if text[-2:] in ("'s", "'S"):
        text = text[:-2]
    text = text.strip('-')
    return ''.join(' ' if char in SPECIAL else char for char in text).strip()


def in_dictionary(text: str) -> bool:
    """Whether word spotting asks for a word; others are don't-care regions there.

    Args:
        text (str): The transcription.

    Returns:
        bool: Whether its :func:`dictionary_form` is one word of at least three characters, all of
        them letters or hyphens. Words with digits are not asked for.
    """
    form = dictionary_form(text)
    return len(form) >= SHORTEST and all(
        char not in _NO_LETTERS and any(low <= char <= high for low, high in _LETTERS)
        for char in form)


def same_text(truth: str, reading: str, protocol: str = 'end_to_end') -> bool:
    """Whether a reading is right, letter case left aside.

    In the end-to-end protocol one mark at the beginning and one at the end of the truth may be
    missing from the reading; marks elsewhere must be read. In word spotting the
    :func:`dictionary_form` of the truth must be read.

    Args:
        truth (str): The transcription.
        reading (str): What was read.
        protocol (str): One of :data:`SPOTTING_PROTOCOLS`. Defaults to ``'end_to_end'``.

    Returns:
        bool: Whether it is; always in ``'detection'``.

    Raises:
        ValueError: If there is no such protocol.
    """
    if protocol not in SPOTTING_PROTOCOLS:
        raise ValueError(f'the protocol must be one of {SPOTTING_PROTOCOLS}, but is {protocol!r}')
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


@dataclass(frozen=True)
class Overlaps:
    """Where ground truth and detections of a picture lie over each other.

    Attributes:
        pairs (ndarray): int64 (M, 2): word and detection with an IoU above the threshold, ordered
            by the word, then by the detection.
        covered (ndarray): int64 (N, 2): word and detection of which more than the threshold lies
            within the word's region, in the same order.
        lost_words (int): Words whose regions enclose nothing.
    """
    pairs: np.ndarray
    covered: np.ndarray
    lost_words: int


def overlaps(words: Sequence[Any], detections: Sequence[Any], iou: float = 0.5,
             cover: float = 0.5) -> Overlaps:
    """Find which regions lie over each other; only those whose boxes may are looked at.

    Args:
        words (Sequence): G polygons, see :func:`~mmocr_siga.geometry.polygons.polygon_points`.
            Those that cross themselves stand for what they enclose.
        detections (Sequence): D polygons.
        iou (float): Threshold of intersection over union. Defaults to 0.5.
        cover (float): Threshold of intersection over the detection's area. Defaults to 0.5.

    Returns:
        Overlaps: The pairs.
    """
    shapes = [[polygon_shape(polygon) for polygon in each] for each in (words, detections)]
    boxes, areas = zip(*(_boxes(each) for each in shapes))
    i, j = _neighbours(*shapes).T
    sides = np.minimum(boxes[0][i, 2:], boxes[1][j, 2:]) - np.maximum(boxes[0][i, :2],
                                                                      boxes[1][j, :2])
    # No overlap can exceed that of the boxes nor either area.
    most = np.minimum(sides.clip(0).prod(-1), np.minimum(areas[0][i], areas[1][j]))
    maybe = (most > iou * (areas[0][i] + areas[1][j] - most)) | (most > cover * areas[1][j])
    pairs, covered = [], []
    for word, found in zip(i[maybe].tolist(), j[maybe].tolist()):
        shared = shapes[0][word].intersection(shapes[1][found]).area
        if shared > iou * (areas[0][word] + areas[1][found] - shared):
            pairs.append((word, found))
        if shared > cover * areas[1][found]:
            covered.append((word, found))
    return Overlaps(np.array(pairs, np.int64).reshape(-1, 2),
                    np.array(covered, np.int64).reshape(-1, 2),
                    sum(shape is None for shape in shapes[0]))


def _neighbours(words: Sequence[Any], detections: Sequence[Any]) -> np.ndarray:
    """Pairs whose boxes touch, int64 (n, 2), ordered by the word, then by the detection."""
    kept = [j for j, shape in enumerate(detections) if shape is not None]
    tree = STRtree([detections[j] for j in kept])
    places = {id(detections[j]): j for j in kept}
    pairs = []
    for i, shape in enumerate(words):
        if shape is not None and kept:
            # Numbers, or before version 2 of shapely the shapes themselves.
            found = tree.query(shape)
            pairs += sorted((i, kept[f] if isinstance(f, (int, np.integer)) else places[id(f)])
                            for f in found)
    return np.array(pairs, np.int64).reshape(-1, 2)


def _boxes(shapes: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Bounding boxes (n, 4) and areas (n, ); a region that encloses nothing has none."""
    boxes = [(0., 0., 0., 0.) if shape is None else shape.bounds for shape in shapes]
    areas = [0. if shape is None else shape.area for shape in shapes]
    return np.array(boxes, np.float64).reshape(-1, 4), np.array(areas, np.float64)


class Counts(NamedTuple):
    """What is counted of a picture, or of several.

    Attributes:
        words (int): Words that are asked for.
        detections (int): Detections that count.
        hits (int): Detections that are right.
    """
    words: int
    detections: int
    hits: int


def count_hits(found: Overlaps, truths: Sequence[str], care: np.ndarray,
               readings: Sequence[str | None], protocol: str = 'end_to_end') -> Counts:
    """Match detections with words, and count those that are right.

    Detections that lie with more than half of their area in a don't-care region do not count.
    Each word takes the first detection that overlaps it and is not taken yet, whatever was read:
    a second one on the same word is wrong.

    Args:
        found (Overlaps): Overlaps of the G words and the D detections.
        truths (Sequence[str]): G transcriptions.
        care (ndarray): bool (G, ): False for don't-care regions.
        readings (Sequence[str or None]): D readings; None for a detection that is left out.
        protocol (str): One of :data:`SPOTTING_PROTOCOLS`. In ``'word_spotting'`` words that are
            not :func:`in_dictionary` are don't-care regions. Defaults to ``'end_to_end'``.

    Returns:
        Counts: Words, detections and hits.
    """
    care = np.array(care, bool)
    if protocol == 'word_spotting':
        care &= np.array([in_dictionary(text) for text in truths], bool)
    counts = np.array([reading is not None for reading in readings], bool)
    ignored = np.zeros(len(readings), bool)
    ignored[found.covered[~care[found.covered[:, 0]], 1]] = True
    counts &= ~ignored
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
    """Precision, recall and their harmonic mean.

    Args:
        counts (Counts): Counts over all pictures.

    Returns:
        tuple[float]: In [0, 1]; 0 where there is nothing to divide by.
    """
    precision = counts.hits / counts.detections if counts.detections else 0.
    recall = counts.hits / counts.words if counts.words else 0.
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.
