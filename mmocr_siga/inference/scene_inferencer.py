"""Find words in whole pictures and read them: a detector of MMOCR, then a recognizer."""
from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat, zip_longest
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config

from ..geometry.crops import WordWarp, crop_word, reading_directions, word_warp
from ..geometry.line_words import even_boxes, gap_spans, split_line
from ..geometry.polygons import check_polygon, extent
from ..images import UnusableImageError
from ..images.two_means import two_means_mask_image
from ..structures.results import SceneResult, SkippedRegion, SpottedWord, WordResult
from .detectors import DEFAULT_DETECTOR, Detector, build_detector, found_by
from .inputs import Source, expand, picture_of, reason_of
from .load_reader import load_reader
from .packaged import DEFAULT_MODEL
from .word_reader import WordReader

__all__ = ['SceneInferencer', 'likelihood']

TURNS = ('best', 'downwards', 'never')
# Less of a word than this share says nothing.
MIN_INSIDE = 0.1
# Words may lie on both sides of gaps that are wider than this share of the height.
WORD_GAP = 0.18
# Readings of detected regions with lower scores are left out: the best floor of the packaged reader
# behind the packaged detector on 40 training scenes, by tools/eval_scenes.py --sweep.
SCORE_FLOOR = 0.3
_MISSING = object()


class _Region(NamedTuple):
    """A region that is going to be read: outline, the ways into the picture, and what it may
    consist of, each with one way."""
    points: np.ndarray
    det_score: float | None
    warps: list[WordWarp]
    parts: list[_Region]


class _Options(NamedTuple):
    ordered: bool
    boxes: bool  # whether places of characters are wanted
    split: bool
    floor: float  # of the scores of words


class SceneInferencer:
    """Find words with a text detector and read them with a recognizer.

    Words are cut out along their outlines: quads by a perspective, others by a thin-plate spline
    through their top and bottom borders. Words of all pictures are read in common batches, and cut
    out as they are needed, so memory does not grow with their number in a picture.

    Args:
        det: Text detector: the packaged one, a config or model name of MMOCR, or a function that
            takes a picture, BGR (H, W, 3), and returns polygons, or polygons and scores. None: each
            call gives the polygons.
        det_weights: Checkpoint of the detector, where ``det`` names no model with one.
        rec, rec_weights, device: See :func:`load_reader`; ``rec`` may be a reader.
        margin: What is added to a region before and after, and above and below, as shares of its
            height.
        vertical_ratio: Height over width from which a word may be vertical.
        turn: How such words are read: ``'best'`` as they are, downwards and upwards, and the most
            probable text is taken; ``'downwards'``; or ``'never'``, as they are.
        min_size: Words that are less wide or high, in pixels, are skipped.
        det_score_thr: Detections with lower scores are skipped.
        score_thr: Words read with lower probabilities are skipped. None is
            :data:`SCORE_FLOOR` for detected regions, 0 for those that are given.
        split_lines: Whether detections that are lines become words: where the recognizer reads
            spaces; at gaps, if it knows none, and if the parts are read with more confidence than
            the whole. Regions that are given stay whole.
        max_words: Most regions of a picture to read, the most certain ones; the others are skipped.
        max_seconds: Words whose turn comes later than that after a picture's first are skipped.
        context, shots: Labelled words of the kind that is read, see :class:`WordInferencer`; a
            reader that is given has its own.

    Example:
        >>> spot = SceneInferencer()
        >>> [(word.text, word.polygon) for word in spot('street.jpg')[0].words]
    """

    def __init__(self, det: str | os.PathLike | Config | Detector | None = DEFAULT_DETECTOR,
                 det_weights: str | os.PathLike | None = None,
                 rec: str | os.PathLike | Config | WordReader = DEFAULT_MODEL,
                 rec_weights: str | os.PathLike | None = None,
                 device: str | torch.device | None = None,
                 margin: tuple[float, float] = (0.05, 0.05), vertical_ratio: float = 1.5,
                 turn: str = 'best', min_size: float = 2.0, det_score_thr: float = 0.3,
                 score_thr: float | None = None, split_lines: bool = True,
                 max_words: int | None = None, max_seconds: float = float('inf'),
                 context: Any = None, shots: int | None = None) -> None:
        if turn not in TURNS:
            raise ValueError(f'turn must be one of {TURNS}, but is {turn!r}')
        if len(margin) != 2 or not 0 <= min(margin) <= max(margin) <= 2:
            raise ValueError(f'margin must be two shares in [0, 2], but is {margin!r}')
        if vertical_ratio < 1:
            raise ValueError(f'vertical_ratio must be at least 1, but is {vertical_ratio}')
        if rec_weights is not None and isinstance(rec, WordReader):
            raise ValueError('rec_weights cannot be given with a reader, which has its own')
        options = {name: value for name, value in (('context', context), ('shots', shots))
                   if value is not None}
        if options and hasattr(rec, 'iter_read'):
            raise ValueError('a context cannot be given with a reader: give it to the reader')
        self.margin, self.vertical_ratio, self.turn = tuple(margin), vertical_ratio, turn
        self.min_size, self.det_score_thr, self.score_thr = min_size, det_score_thr, score_thr
        self.split_lines = split_lines
        self.max_words, self.max_seconds = max_words, max_seconds
        self.recognizer = rec if hasattr(rec, 'iter_read') else load_reader(
            rec, rec_weights, device, **options)
        self.detector = build_detector(det, det_weights, device)
        self._reads_spaces = ' ' in getattr(self.recognizer, 'characters', ())

    def __call__(self, inputs: Any, polygons: Iterable[Any] | None = None, batch_size: int = 32,
                 ordered: bool | None = None, return_char_polygons: bool = True
                 ) -> list[SceneResult]:
        """Find and read the words of pictures.

        Args:
            inputs: Pictures, as :class:`WordInferencer` takes them.
            polygons: For each picture a list of polygons to be read in the place of detected ones;
                x and y interleaved or (P, 2).
            batch_size: Words read at a time.
            ordered: Whether polygons begin at the upper left corner of the word, as annotations do.
                None: those given do, detected ones do not.

        There is one result for each picture; those that cannot be read have an ``error``.
        """
        return list(self.iter_spot(inputs, polygons, batch_size, ordered, return_char_polygons))

    def iter_spot(self, inputs: Any, polygons: Iterable[Any] | None = None, batch_size: int = 32,
                  ordered: bool | None = None, return_char_polygons: bool = True
                  ) -> Iterator[SceneResult]:
        """As :meth:`__call__`, one by one: inputs are taken as they are needed, and results come
        as soon as they are there."""
        if self.detector is None and polygons is None:
            raise ValueError('there is no detector: give polygons for each picture, or det')
        given = polygons is not None
        floor = self.score_thr
        if floor is None:
            floor = 0.0 if given else SCORE_FLOOR
        options = _Options(given if ordered is None else ordered, return_char_polygons,
                           self.split_lines and not given, floor)
        return self._results(self._pictures(expand(inputs), polygons), batch_size, options)

    def _pictures(self, sources: Iterator[Source], given: Iterable[Any] | None
                  ) -> Iterator[tuple[SceneResult, np.ndarray | None, Any, Any]]:
        """Load pictures and find the regions: result so far, picture, polygons and scores."""
        pairs = (zip(sources, repeat(())) if given is None else
                 zip_longest(sources, given, fillvalue=_MISSING))
        for number, (source, polygons) in enumerate(pairs):
            if polygons is _MISSING:
                raise ValueError(f'polygons are given for {number} pictures, but there are more: '
                                 'give a list for each, empty where there are no words')
            if source is _MISSING:
                raise ValueError(f'polygons are given for more pictures than there are, {number}: '
                                 'give a list of lists of polygons')
            scene, image, scores = SceneResult(source.path), None, None
            try:
                image = picture_of(source)
                scene.size = image.shape[1::-1]
            except UnusableImageError as error:
                scene.error = str(error)
            if given is None and scene.error is None:
                try:
                    polygons, scores, scene.note = found_by(self.detector, image)
                except Exception as error:
                    scene.error = f'the detector failed: {reason_of(error)}'
            yield scene, image, polygons if scene.error is None else (), scores

    def _results(self, pictures: Iterator, batch_size: int,
                 options: _Options) -> Iterator[SceneResult]:
        """Send crops of all pictures through the recognizer, and gather what comes back."""
        # Regions whose results are to come; None after the last of a picture.
        waiting: deque[tuple[SceneResult, _Region | None]] = deque()

        def crops() -> Iterator[Source]:
            for scene, image, found, scores in pictures:
                for region in self._regions(scene, image, found, scores, options):
                    waiting.append((scene, region))
                    yield from (_crop(image, warp) for one in (region, *region.parts)
                                for warp in one.warps)
                waiting.append((scene, None))

        def finished() -> Iterator[SceneResult]:
            while waiting and waiting[0][1] is None:
                yield waiting.popleft()[0]

        results: list[WordResult] = []
        for result in self.recognizer.iter_read(crops(), batch_size=batch_size,
                                                return_char_boxes=options.boxes or options.split):
            yield from finished()
            results.append(result)
            scene, region = waiting[0]
            if len(results) == len(region.warps) + len(region.parts):
                waiting.popleft()
                self._add(scene, region, results, options)
                results = []
                yield from finished()
        yield from finished()

    def _regions(self, scene: SceneResult, image: np.ndarray | None, polygons: Iterable[Any],
                 scores: Sequence[float] | None, options: _Options) -> Iterator[_Region]:
        """Regions that can be read; the others are reported."""
        polygons = list(polygons)
        order = range(len(polygons)) if scores is None else np.argsort(scores)[::-1]
        taken = set(order[:self.max_words])
        until = time.monotonic() + self.max_seconds
        for number, polygon in enumerate(polygons):
            late = time.monotonic() >= until
            if late or number not in taken:
                reason = (f'reading took more than {self.max_seconds:g} s' if late else
                          f'more than {self.max_words} words are not read')
                scene.skipped.append(SkippedRegion(_listed(polygon), reason))
                continue
            score = None if scores is None else float(scores[number])
            points, problem = check_polygon(polygon, image.shape[:2], min_inside=MIN_INSIDE)
            if points is None:
                scene.skipped.append(SkippedRegion(_listed(polygon), f'the polygon {problem}'))
                continue
            ways = reading_directions(points, options.ordered, self.vertical_ratio)
            size = min(extent(*ways[0]))
            if score is not None and not score >= self.det_score_thr:
                problem = f'the detection score {score:.3f} is below {self.det_score_thr:g}'
            elif size < self.min_size:
                problem = f'the word is only {size:.1f} pixels wide or high'
            if problem:
                scene.skipped.append(SkippedRegion(points.tolist(), problem))
                continue
            # The first is downwards, the last as it is.
            ways = {'best': ways, 'downwards': ways[:1], 'never': ways[-1:]}[self.turn]
            parts = (self._parts(image, word_warp(*ways[0]), score)
                     if options.split and not self._reads_spaces else [])
            yield _Region(points, score, [word_warp(*way, self.margin) for way in ways], parts)

    def _parts(self, image: np.ndarray, warp: WordWarp, score: float | None) -> list[_Region]:
        """What lies between the gaps of a line."""
        crop = _crop(image, warp).content
        gray = None if crop is None else cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
        spans = [] if gray is None else gap_spans(two_means_mask_image(gray), WORD_GAP)
        if len(spans) < 2:
            return []
        parts = []
        for left, right in spans:
            top, bottom = _borders(warp, left, right)
            parts.append(_Region(np.concatenate([top, bottom[::-1]]), score,
                                 [word_warp(top, bottom, self.margin)], []))
        return parts

    def _add(self, scene: SceneResult, region: _Region, results: Sequence[WordResult],
             options: _Options) -> None:
        result, warp = max(zip(results, region.warps), key=lambda pair: likelihood(pair[0]))
        parts = results[len(region.warps):]
        if parts and likelihood(*parts) > likelihood(result):
            found = [(part, result, part.warps[0]) for part, result in zip(region.parts, parts)]
        elif result.error is not None:
            scene.skipped.append(SkippedRegion(region.points.tolist(), result.error))
            return
        else:
            found = [(region, result, warp)]
        for word in (word for one in found for word in _spotted(*one, options.split)):
            if not options.boxes:
                word.char_polygons = None
            if word.score < options.floor:
                scene.skipped.append(SkippedRegion(
                    word.polygon, f'the reading {word.text!r} has a score of {word.score:.3f}, '
                                  f'below {options.floor:g}'))
            else:
                scene.words.append(word)


def _spotted(region: _Region, result: WordResult, warp: WordWarp,
             split: bool) -> list[SpottedWord]:
    """What was read of a region, in the picture: a word, or those of a line."""
    text, scores, places = result.text, list(result.char_scores), None
    if result.char_boxes is not None:
        boxes = np.asarray(result.char_boxes, np.float64).reshape(-1, 4)
        corners = warp.to_picture(boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2))
        places = corners.reshape(-1, 4, 2).tolist()
    else:
        boxes = even_boxes(len(text), warp.inner)
    whole = SpottedWord(region.points.tolist(), text, result.score, region.det_score, scores,
                        places)
    # Tokens of several letters cannot be told apart in the text.
    if not split or not len(text) == len(scores) == len(boxes):
        return [whole]
    words = split_line(text, boxes, warp.inner)
    if len(words) < 2:
        return [whole]
    out = []
    for begin, end, *ends in words:
        top, bottom = _borders(warp, *ends)
        out.append(SpottedWord(
            [*top.tolist(), *bottom[::-1].tolist()], text[begin:end],
            float(np.prod(scores[begin:end])), region.det_score, scores[begin:end],
            None if places is None else places[begin:end]))
    return out


def _borders(warp: WordWarp, left: float, right: float) -> tuple[np.ndarray, np.ndarray]:
    """Top and bottom border, in the picture, of a part of a crop."""
    _, top, _, bottom = warp.inner
    x = np.linspace(left, right, 2 if warp.homography is not None else 5)
    return tuple(warp.to_picture(np.stack([x, np.full_like(x, y)], 1)) for y in (top, bottom))


def _crop(image: np.ndarray, warp: WordWarp) -> Source:
    try:
        return Source(None, crop_word(image, warp))
    except Exception as error:
        return Source(None, error=reason_of(error))


def likelihood(*words: WordResult) -> float:
    """Mean probability of a character and of the ends: readings of all lengths compare."""
    if any(word.error is not None or not word.text for word in words):
        return -1.
    return math.prod(word.score for word in words) ** (1 / sum(len(w.text) + 1 for w in words))


def _listed(polygon: Any) -> Any:
    """A polygon of whatever kind for JSON."""
    try:
        values = np.asarray(polygon, np.float64)
    except (TypeError, ValueError):
        return str(polygon)[:80]
    return np.where(np.isfinite(values), values, None).tolist()
