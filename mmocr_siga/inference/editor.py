"""Rewrite or erase words in pictures, whole ones or regions of scenes."""
from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from ..geometry.crops import WordWarp, crop_word, reading_directions, word_warp
from ..geometry.pasting import WordLayers, paste_word
from ..geometry.polygons import check_polygon
from ..images import UnusableImageError
from ..structures.results import EditedWord, EditResult, SkippedRegion, WordResult
from ..text.files import nfc
from ..text.protocol import same_under
from .inputs import Source, expand, picture_of
from .load_reader import load_reader
from .packaged import EDITOR_MODEL
from .scene_inferencer import SceneInferencer, likelihood
from .word_inferencer import WordInferencer
from .word_reader import WordReader

__all__ = ['EDITED', 'Tone', 'WordEditor', 'find_words', 'stretched', 'word_layers']

# Gain and offset (3, ) of the channels, BGR: stretched = gain * picture + offset.
Tone = tuple[float, np.ndarray]
# What an edited file says of itself.
EDITED = ('This picture was edited: text in it was rewritten or erased by a neural network '
          '(mmocr_siga edit).')
# What a crop shows around a region, as shares of its height.
_MARGIN = (0.05, 0.05)
_MOST_PIXELS = 50_000_000  # of pictures that are held at a time
_BATCH = 32
# Text is taken away up to so many pixels of the network around it.
_REACH = 2
# To what contrast faint words are brought for the network, by so much at most.
_CONTRAST, _MOST_GAIN = 220, 6


@dataclass
class _Word:
    """A word on its way; its text None is to be erased."""
    outline: np.ndarray | None
    text: str | None
    warps: list[WordWarp]
    before: WordResult | None = None
    layers: WordLayers | None = None

    @property
    def warp(self) -> WordWarp:
        return self.warps[0]


@dataclass
class _Picture:
    result: EditResult
    image: np.ndarray | None = None
    words: list[_Word] = field(default_factory=list)


class WordEditor:
    """Write other words in the style of those that are there, or erase them.

    The network sees the word in its own resolution, such as 32 x 128 pixels; what it draws is
    enlarged and laid over the picture, so that edited words of larger pictures are blurry. Pixels
    outside of a region, and those within that neither showed text nor shall, keep their values.

    Args:
        model: Name of a packaged model, or config of a :class:`DisentangledRecognizer` with an
            image head, or its path.
        weights, device: As for :class:`WordInferencer`.
        reader: Reads what was there before and the result; the default one of :func:`load_reader`.

    Raises:
        FileNotFoundError, RuntimeError, ValueError: As for :class:`WordInferencer`; ValueError also
            for a model that reads only.

    Example:
        >>> result, = WordEditor().edit('word.png', 'TEA')
        >>> result.picture, result.words[0].reading, result.words[0].score
    """

    def __init__(self, model: str | os.PathLike | Config = EDITOR_MODEL,
                 weights: str | os.PathLike | None = None,
                 device: str | torch.device | None = None,
                 reader: WordReader | None = None) -> None:
        self._network = WordInferencer(model, weights, device, workers=0, optimize=False, tta=0)
        self.model = self._network.model
        if getattr(self.model, 'image_head', None) is None:
            raise ValueError(f'a {type(self.model).__name__} without an image_head reads only: '
                             'words are edited by a DisentangledRecognizer that has one')
        self.reader = load_reader() if reader is None else reader

    def edit(self, inputs: Any, texts: str | Sequence[Any],
             polygons: Iterable[Sequence[Any]] | None = None,
             ordered: bool = True) -> list[EditResult]:
        """Write texts in pictures, each as it would be alone.

        Args:
            inputs: Pictures, as :class:`WordInferencer` takes them.
            texts: One for all, or for each picture one or, with polygons, a list, one for each of
                them.
            polygons: For each picture a list of regions, x and y interleaved or (P, 2). Without
                them each picture is a word.
            ordered: Whether polygons begin at the upper left corner of the word, as annotations do,
                and not anywhere, as detections.

        There is one result for each picture; those that cannot be read have an ``error``, and what
        cannot be written is ``skipped``, with the reason.

        Raises:
            ValueError: If there are more or fewer texts or lists of polygons than pictures.
        """
        return list(self._results(inputs, texts, polygons, ordered))

    def erase(self, inputs: Any, polygons: Iterable[Sequence[Any]] | None = None,
              ordered: bool = True) -> list[EditResult]:
        """As :meth:`edit`, but leave the board behind the words."""
        return list(self._results(inputs, None, polygons, ordered))

    def problem(self, text: str) -> str | None:
        """Why a text cannot be written; None if it can."""
        if not text.strip():
            return 'the text is empty: erase the word in place of that'
        try:
            self.model.image_head.decoder.prompt.of_texts([text], [(0, 0, 128, 32)], (32, 128))
        except ValueError as error:
            return str(error)
        return None

    def _results(self, inputs: Any, texts: Any, polygons: Iterable[Sequence[Any]] | None,
                 ordered: bool) -> Iterator[EditResult]:
        waiting: list[_Picture] = []
        for source, asked, outlines in _matched(expand(inputs), texts, polygons):
            waiting.append(self._picture(source, asked, outlines, ordered))
            held = sum(each.image.size // 3 for each in waiting if each.image is not None)
            if held > _MOST_PIXELS or len(waiting) >= _BATCH:
                yield from self._finished(waiting)
                waiting = []
        yield from self._finished(waiting)

    def _picture(self, source: Source, texts: Any, polygons: Sequence[Any] | None,
                 ordered: bool) -> _Picture:
        """A picture, and its words that can be edited; the others are reported."""
        picture = _Picture(EditResult(source.path))
        try:
            picture.image = image = picture_of(source)
        except UnusableImageError as error:
            picture.result.error = str(error)
            return picture
        whole = polygons is None
        if whole:
            height, width = image.shape[:2]
            polygons, texts = [[0, 0, width, 0, width, height, 0, height]], [texts]
        elif texts is None or isinstance(texts, str):
            texts = [texts] * len(polygons)
        elif len(texts) != len(polygons):
            raise ValueError(f'{source.path or "a picture"} has {len(polygons)} polygons, but '
                             f'{len(texts)} texts')
        for polygon, text in zip(polygons, texts):
            points, problem = check_polygon(polygon, image.shape[:2])
            problem = f'the polygon {problem}' if problem else (
                None if text is None else self.problem(text))
            if problem is not None:
                listed = None if points is None or whole else points.tolist()
                picture.result.skipped.append(SkippedRegion(listed, problem))
                continue
            margin = (0., 0.) if whole else _MARGIN
            picture.words.append(_Word(
                None if whole else points, text if text is None else nfc(text),
                [word_warp(*way, margin) for way in reading_directions(points, ordered)]))
        return picture

    def _finished(self, pictures: Sequence[_Picture]) -> Iterator[EditResult]:
        places = [(each, word) for each in pictures for word in each.words]
        crops = self._directed(places)
        self._draw([word for _, word in places], crops)
        for each in pictures:
            result = each.result
            if each.image is None:
                yield result
                continue
            result.picture = each.image.copy()
            for word in each.words:
                result.picture = paste_word(result.picture, word.layers, word.warp, word.outline)
            now = self._read([crop_word(result.picture, word.warp) for word in each.words])
            result.words = [EditedWord(
                None if word.outline is None else word.outline.tolist(), word.text,
                word.before.text, read.text, read.score) for word, read in zip(each.words, now)]
            yield result

    def _directed(self, places: Sequence[tuple[_Picture, _Word]]) -> list[np.ndarray]:
        """Crops of words, each along the way in which it reads best, which it keeps."""
        crops = [[crop_word(picture.image, warp) for warp in word.warps]
                 for picture, word in places]
        found = iter(self._read(list(chain(*crops))))
        chosen = []
        for (_, word), ways in zip(places, crops):
            read = [next(found) for _ in ways]
            best = max(range(len(ways)), key=lambda i, read=read: likelihood(read[i]))
            word.warps, word.before = [word.warps[best]], read[best]
            chosen.append(ways[best])
        return chosen

    def _read(self, crops: Sequence[np.ndarray]) -> list[WordResult]:
        return self.reader(list(crops), return_char_boxes=False, progress=False)

    def _draw(self, words: Sequence[_Word], crops: Sequence[np.ndarray]) -> None:
        """Give words their layers."""
        alike = defaultdict(list)
        for word, crop in zip(words, crops):
            data, kind, _ = self._network._prepared(crop)
            alike[kind, word.text is None].append((word, data))
        for same in alike.values():
            for start in range(0, len(same), _BATCH):
                self._draw_batch(*zip(*same[start:start + _BATCH]))

    @torch.no_grad()
    def _draw_batch(self, words: Sequence[_Word], data: Sequence[dict[str, Any]]) -> None:
        inputs, tones = zip(*(stretched(each['inputs']) for each in data))
        packed = dict(inputs=inputs, data_samples=[each['data_samples'] for each in data])
        images = self.model.data_preprocessor(packed, False)['inputs']
        if words[0].text is None:
            drawn = self.model.erase(images)
            colors, shares = [drawn.board], [drawn.source_mask]
        else:
            old = ['' if word.before.error else word.before.text for word in words]
            drawn = self.model.edit(images, [word.text for word in words], old_texts=old)
            colors, shares = [drawn.board, drawn.paint], [drawn.source_mask, drawn.coverage]
        rgb = getattr(self.model.data_preprocessor, '_channel_conversion', False)
        for i, (word, each, (gain, offset)) in enumerate(zip(words, data, tones)):
            board, *paint = ((_bgr(color[i], rgb) - offset) / gain for color in colors)
            source, *coverage = (share[i, 0].float().cpu().numpy() for share in shares)
            picture = each['inputs'].permute(1, 2, 0).float().numpy()
            word.layers = word_layers(board, source, *paint, *coverage, picture=picture)


def stretched(image: Tensor) -> tuple[Tensor, Tone]:
    """A picture (3, H, W) whose contrast is that of most training words, and by which gain and
    offset of each channel: faint words are hardly seen by the network, and would stay."""
    low, high = np.percentile(image.flatten(1).numpy(), (8, 92), axis=1)
    gain = float(np.clip(_CONTRAST / max((high - low).max(), 1), 1, _MOST_GAIN))
    if gain == 1:
        return image, (1., np.zeros(3))
    offset = 127.5 - gain * (low + high) / 2
    shown = gain * image + torch.from_numpy(offset).float().view(3, 1, 1)
    return shown.round().clamp(0, 255).to(image.dtype), (gain, offset)


def word_layers(board: np.ndarray, source: np.ndarray, paint: np.ndarray | None = None,
                coverage: np.ndarray | None = None,
                picture: np.ndarray | None = None) -> WordLayers:
    """What is laid over a word, of what the network draws: board and paint (h, w, 3) in [0, 255],
    and the probability that a pixel was text and the coverage of the new text, (h, w) in [0, 1].

    The picture makes way for the board where text was, and two pixels around it. What is next to
    nothing becomes nothing, so that the picture keeps its values there. Given the picture (h, w, 3)
    that the network saw, the board takes its shade from what stays of that around it, and the paint
    its color from the ink of the old text.
    """
    side = 2 * _REACH + 1
    around = cv2.dilate(source, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    removed = np.clip((around - 0.2) / 0.3, 0, 1)
    if paint is None:
        paint, coverage = board, np.zeros_like(removed)
    if picture is not None:
        board = _shaded(board, picture, removed == 0)
        paint = _colored(paint, coverage, picture, source, board)
    coverage = np.clip((coverage - 0.04) / 0.92, 0, 1)
    return WordLayers(*(np.ascontiguousarray(each, np.float32)
                        for each in (board, paint, coverage, removed)))


def _shaded(board: np.ndarray, picture: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """A board that differs from the picture by details alone, where that is kept: a difference of
    shade, though small, would show the letters that are gone."""
    kept, sigma = kept.astype(np.float32), len(board) / 6
    share = cv2.GaussianBlur(kept, (0, 0), sigma)
    shade = cv2.GaussianBlur(kept[..., None] * (picture - board), (0, 0), sigma)
    return board + shade / np.maximum(share, 0.02)[..., None]


def _colored(paint: np.ndarray, coverage: np.ndarray, picture: np.ndarray, source: np.ndarray,
             board: np.ndarray) -> np.ndarray:
    """Paint whose color is that of the old text: networks tend to the mean of all colors. Of both
    texts those pixels tell that differ most from the board: others are half ink, half board."""
    colors = []
    for shown, ink in ((picture, source > 0.5), (paint, coverage > 0.5)):
        if not ink.any():
            return paint
        contrast = np.abs(shown - board).sum(2)
        strokes = ink & (contrast >= np.median(contrast[ink]))
        colors.append(shown[strokes].mean(0))
    return np.clip(paint + (colors[0] - colors[1]), 0, 255)


def find_words(spot: SceneInferencer, image: np.ndarray, text: str) -> list[list[list[float]]]:
    """Regions of a picture in which a text is read; if it is not there as it is, letters and digits
    in any case count.

    Raises:
        ValueError: If there is none; tells what was read.
    """
    scene = spot([image], return_char_polygons=False)[0]
    if scene.error is not None:
        raise ValueError(scene.error)
    for same in (str.__eq__, same_under):
        found = [word.polygon for word in scene.words if same(nfc(text), word.text)]
        if found:
            return found
    read = ', '.join(repr(word.text) for word in scene.words) or 'nothing'
    raise ValueError(f'{text!r} is not read in the picture, but {read}')


def _matched(sources: Iterator[Source], texts: Any, polygons: Iterable[Sequence[Any]] | None
             ) -> Iterator[tuple[Source, Any, Sequence[Any] | None]]:
    """Pictures with their texts and polygons."""
    sources = list(sources)
    columns = [repeat(texts) if texts is None or isinstance(texts, str) else list(texts),
               repeat(None) if polygons is None else list(polygons)]
    for name, column in zip(('texts', 'lists of polygons'), columns):
        if isinstance(column, list) and len(column) != len(sources):
            raise ValueError(f'{len(sources)} pictures need as many {name}, but there are '
                             f'{len(column)}')
    return zip(sources, *columns)


def _bgr(image: Tensor, rgb: bool) -> np.ndarray:
    """(3, H, W) in [0, 1] -> float32 BGR (H, W, 3) in [0, 255]."""
    picture = image.float().permute(1, 2, 0).cpu().numpy() * 255
    return picture[..., ::-1] if rgb else picture
