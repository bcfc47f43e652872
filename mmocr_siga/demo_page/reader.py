"""What the page shows, without the page."""
from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from mmengine.structures import LabelData
from mmocr.structures import TextRecogDataSample

from ..images import UnusableImageError
from ..inference.context import spelled_by
from ..inference.context_pool import ContextPool
from ..inference.editor import WordEditor, find_words
from ..inference.explain import picture_reader
from ..inference.inputs import Source, picture_of
from ..inference.scene_inferencer import SceneInferencer
from ..inference.tta import shrunk
from ..inference.word_inferencer import WordInferencer
from ..structures.results import SceneResult, WordResult
from ..visualization import draw_sample, draw_scene
from ..visualization.canvas import fitted, framed
from .regions import parse_regions

__all__ = ['EditView', 'KeptView', 'PageReader', 'SceneView', 'WordView']

WORD = (720, 240)  # most width and height of a word as it is shown, in pixels
MOST_PIXELS = 50_000_000
# Words with longer sides are shrunk first: masks and maps of what nobody sees take gigabytes.
LONGEST_WORD = 2048
MOST_WORDS, MOST_SECONDS = 100, 20  # of a scene
MOST_CONTEXT, MOST_CONTEXTS = 200, 8  # words of a context; contexts that are known again
MOST_EDITS, MOST_EDITED = 20, 16_000_000  # words at a time, pixels of their picture


@dataclass
class WordView:
    """A word as the page shows it. Pictures are uint8 BGR."""
    text: str = ''
    score: float = 0.0  # probability of the whole word
    characters: list[tuple[str, float]] = field(default_factory=list)  # with their probabilities
    boxes: np.ndarray | None = None  # the word with a frame around each character
    sheet: np.ndarray | None = None  # how it was read: mask, attention, glyph maps, confidence
    details: dict[str, Any] = field(default_factory=dict)  # for JSON
    error: str | None = None  # why there is nothing of all that


@dataclass
class SceneView:
    """A scene as the page shows it."""
    picture: np.ndarray | None = None  # with outlines, and beside it the readings; uint8 BGR
    words: list[tuple[str, float]] = field(default_factory=list)  # with their scores
    note: str = ''  # how regions were found, and what was left out
    details: dict[str, Any] = field(default_factory=dict)  # for JSON
    error: str | None = None  # why there is nothing of all that


@dataclass
class EditView:
    """An edited picture as the page shows it."""
    picture: np.ndarray | None = None  # uint8 BGR
    # What was read before, what was to be written (None: erased), what is read now, and its score.
    words: list[tuple[str, str | None, str, float]] = field(default_factory=list)
    note: str = ''  # what was left out
    error: str | None = None  # why there is nothing of all that


@dataclass
class KeptView:
    """A context with one more word."""
    content: bytes | None = None  # of its file
    note: str = ''
    error: str | None = None  # why the word was not kept


class PageReader:
    """Reads the pictures of the page, files of any kind, and edits them where there is an editor;
    the spotter has a detector."""

    def __init__(self, spotter: SceneInferencer, editor: WordEditor | None = None) -> None:
        self.spotter, self.editor = spotter, editor
        spotter.max_words, spotter.max_seconds = MOST_WORDS, MOST_SECONDS
        self.recognizer = spotter.recognizer
        self._explanation = picture_reader(self.recognizer.model, self.recognizer.cfg)
        self._readers: dict[tuple, WordInferencer] = {}  # by the words of their contexts

    def word(self, path: str | None, context: str | None = None) -> WordView:
        """Read a picture, None if there is no file of that name for the client; ``context`` is a
        file of labelled words."""
        try:
            whole = _picture_of(path)
            recognizer = self._recognizer(context)
        except (UnusableImageError, ValueError) as error:
            return WordView(error=str(error))
        image = shrunk(whole, LONGEST_WORD)
        reading = recognizer(image, return_masks=True)[0]
        if reading.error is not None:
            return WordView(error=reading.error)
        picture, there = recognizer.as_seen(image, reading)
        with torch.no_grad():
            seen = self._explanation(picture)
        if there.by_context:
            seen = seen.of_reading(there.text, there.char_scores)
        if seen.text_mask is None and there.mask is not None:
            seen = seen._replace(text_mask=there.mask > 0)
        sample = TextRecogDataSample(pred_text=LabelData(item=seen.text))
        details = _without_path(reading)
        if image is not whole and reading.char_boxes is not None:
            scale = np.divide(whole.shape[1::-1], image.shape[1::-1])
            details['char_boxes'] = (np.array(reading.char_boxes) * np.tile(scale, 2)).tolist()
        return WordView(
            reading.text, reading.score, list(zip(reading.text, reading.char_scores)),
            framed(fitted(image, WORD), reading.char_boxes or (), image),
            draw_sample(picture, sample, seen), details)

    def keep(self, path: str | None, text: str, context: str | None = None) -> KeptView:
        """Add a picture and what it says to a context, or begin one."""
        try:
            image, pool = _picture_of(path), _pool_of(context)
            problem = spelled_by(self.recognizer)(text)[1]
            if len(pool) >= MOST_CONTEXT:
                problem = f'the context is full: it holds {MOST_CONTEXT} words'
            problem = problem or pool.add([shrunk(image, LONGEST_WORD)], [text])[0]
        except (UnusableImageError, ValueError) as error:
            problem = str(error)
        if problem:
            return KeptView(error=problem)
        return KeptView(pool.to_bytes(), f'{len(pool)} word{"s" * (len(pool) != 1)}: '
                        + ', '.join(pool.texts[-5:]))

    def _recognizer(self, context: str | None) -> WordInferencer:
        """That with the words of a file; as it is without one."""
        if context is None:
            return self.recognizer
        pool = _pool_of(context)
        words = (*pool.digests(), *pool.texts)
        if words not in self._readers:
            if len(self._readers) >= MOST_CONTEXTS:
                del self._readers[next(iter(self._readers))]
            self._readers[words] = self.recognizer.with_context(pool)
        return self._readers[words]

    def scene(self, path: str | None, regions: str = '', context: str | None = None) -> SceneView:
        """Read the words of a picture in ``regions``, see :func:`.parse_regions`. If there are
        none, the detector finds them. ``context`` as for :meth:`word`."""
        try:
            image = _picture_of(path)
            polygons = parse_regions(regions)
            spotter = copy.copy(self.spotter)
            spotter.recognizer = self._recognizer(context)
        except (UnusableImageError, ValueError) as error:
            return SceneView(error=str(error))
        scene = spotter([image], [polygons] if polygons else None, batch_size=8)[0]
        if scene.error is not None:
            return SceneView(error=scene.error)
        count = len(scene.words) + len(scene.skipped)
        note = (f'{count} region{"s" * (count != 1)} '
                + ('given' if polygons else 'found by the detector'))
        if scene.note is not None:
            note += f'; {scene.note}'
        if scene.skipped:
            reasons = sorted({word.reason for word in scene.skipped})
            note += f'; {len(scene.skipped)} left out: ' + '; '.join(reasons[:3])
        return SceneView(draw_scene(image, scene.words, scene.skipped),
                         [(word.text, word.score) for word in scene.words], note,
                         _without_path(scene))


    def edit(self, path: str | None, text: str | None, regions: str = '',
             old: str = '') -> EditView:
        """Write a text in a picture, or erase words (None): those in ``regions``, else those that
        are read as ``old``, else the picture as a word."""
        try:
            image = _picture_of(path, MOST_EDITED)
            polygons, given = parse_regions(regions), True
            if not polygons and old.strip():
                polygons, given = find_words(self.spotter, image, old.strip()), False
            if len(polygons) > MOST_EDITS:
                raise ValueError(f'{len(polygons)} words are to be edited; at most {MOST_EDITS} '
                                 'are at a time')
        except (UnusableImageError, ValueError) as error:
            return EditView(error=str(error))
        where = ([polygons] if polygons else None, given)
        result, = (self.editor.erase([image], *where) if text is None else
                   self.editor.edit([image], text, *where))
        reasons = '; '.join(sorted({region.reason for region in result.skipped}))
        if not result.words:
            return EditView(error=result.error or reasons)
        return EditView(result.picture, [(word.before, word.text, word.reading, word.score)
                                         for word in result.words],
                        reasons and f'{len(result.skipped)} left out: {reasons}')


def _pool_of(context: str | None) -> ContextPool:
    """The labelled words of a file, and nothing else of it; ValueError if it is no such file."""
    if context is None:
        return ContextPool()
    try:
        return ContextPool.load(context, most=MOST_CONTEXT, encoded=False)
    except (OSError, ValueError) as error:
        raise ValueError(str(error).replace(context, 'the context')) from None


def _picture_of(path: str | None, most: int | None = None) -> np.ndarray:
    if path is None:
        raise UnusableImageError('it was not uploaded from here (cookies have to be kept), or more '
                                 'than an hour ago: choose the picture once more')
    image = picture_of(Source(path))
    height, width = image.shape[:2]
    most = most or MOST_PIXELS
    if height * width > most:
        raise UnusableImageError(f'it is {width} x {height} pixels large; the page takes up to '
                                 f'{most:,}')
    return image


def _without_path(result: WordResult | SceneResult) -> dict[str, Any]:
    """For JSON; the path is that of an uploaded copy."""
    return {key: value for key, value in result.to_dict().items() if key != 'path'}
