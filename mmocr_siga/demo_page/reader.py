"""What the page shows, without the page."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from mmengine.structures import LabelData
from mmocr.structures import TextRecogDataSample

from ..images import UnusableImageError
from ..inference.explain import picture_reader
from ..inference.inputs import Source, picture_of
from ..inference.scene_inferencer import SceneInferencer
from ..inference.tta import shrunk
from ..structures.results import SceneResult, WordResult
from ..visualization import draw_sample, draw_scene
from ..visualization.canvas import fitted, framed
from .regions import parse_regions

__all__ = ['PageReader', 'SceneView', 'WordView']

WORD = (720, 240)  # most width and height of a word as it is shown, in pixels
MOST_PIXELS = 50_000_000
# Words with longer sides are shrunk first: masks and maps of what nobody sees take gigabytes.
LONGEST_WORD = 2048
MOST_WORDS, MOST_SECONDS = 100, 20  # of a scene


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


class PageReader:
    """Reads the pictures of the page, files of any kind; for scenes best with a detector."""

    def __init__(self, spotter: SceneInferencer) -> None:
        self.spotter = spotter
        spotter.max_words, spotter.max_seconds = MOST_WORDS, MOST_SECONDS
        self.recognizer = spotter.recognizer
        self.has_detector = spotter.detector is not None
        self._explanation = picture_reader(self.recognizer.model, self.recognizer.cfg)

    def word(self, path: str | None) -> WordView:
        """Read a picture, None if there is no file of that name for the client."""
        try:
            whole = _picture_of(path)
        except UnusableImageError as error:
            return WordView(error=str(error))
        image = shrunk(whole, LONGEST_WORD)
        reading = self.recognizer(image, return_masks=True)[0]
        if reading.error is not None:
            return WordView(error=reading.error)
        picture, there = self.recognizer.as_seen(image, reading)
        with torch.no_grad():
            seen = self._explanation(picture)
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

    def scene(self, path: str | None, regions: str = '') -> SceneView:
        """Read the words of a picture in ``regions``, see :func:`.parse_regions`. If there are
        none, the detector finds them; without a detector the picture is read as one word."""
        try:
            image = _picture_of(path)
            polygons = parse_regions(regions)
        except (UnusableImageError, ValueError) as error:
            return SceneView(error=str(error))
        height, width = image.shape[:2]
        if polygons:
            given = [polygons]
            note = f'{len(polygons)} region{"s" * (len(polygons) > 1)} given'
        elif self.has_detector:
            given, note = None, 'regions found by the detector'
        else:
            given = [[[0, 0, width, 0, width, height, 0, height]]]
            note = ('read as one word: there is no detector (start with --det), and no regions '
                    'are given')
        scene = self.spotter([image], given, batch_size=8)[0]
        if scene.error is not None:
            return SceneView(error=scene.error)
        if scene.skipped:
            reasons = sorted({word.reason for word in scene.skipped})
            note += f'; {len(scene.skipped)} left out: ' + '; '.join(reasons[:3])
        return SceneView(draw_scene(image, scene.words, scene.skipped),
                         [(word.text, word.score) for word in scene.words], note,
                         _without_path(scene))


def _picture_of(path: str | None) -> np.ndarray:
    if path is None:
        raise UnusableImageError('it was not uploaded from here (cookies have to be kept), or more '
                                 'than an hour ago: choose the picture once more')
    image = picture_of(Source(path))
    height, width = image.shape[:2]
    if height * width > MOST_PIXELS:
        raise UnusableImageError(f'it is {width} x {height} pixels large; the page takes up to '
                                 f'{MOST_PIXELS:,}')
    return image


def _without_path(result: WordResult | SceneResult) -> dict[str, Any]:
    """For JSON; the path is that of an uploaded copy."""
    return {key: value for key, value in result.to_dict().items() if key != 'path'}
