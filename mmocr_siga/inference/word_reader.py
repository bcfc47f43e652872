"""What all readers of words have in common, whatever computes: pictures in, results out."""
from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import chain, islice
from typing import Any, Callable, NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from ..geometry.character_boxes import box_pixels, character_boxes, character_mask
from ..geometry.ink_cuts import ink_boxes, ink_mask
from ..structures.results import WordResult
from ..structures.words import Hypothesis
from .inputs import Source, check_counts, expand, picture_of, reason_of
from .tta import View, better_result, shrunk, taken_back, views

__all__ = ['CHAR_BOXES', 'Options', 'Word', 'WordReader']

CHAR_BOXES = ('auto', 'glyphs', 'cuts')

# Pictures of different sizes that wait for company, in batches.
_WAITING = 8
# Below so many pictures a bar is gone before it is seen.
_MANY = 64
# Probability below which packaged models take more views: a fifth of real words. A higher limit
# takes more time and finds next to nothing.
_UNSURE = 0.6


class Options(NamedTuple):
    batch_size: int
    nbest: int
    boxes: bool
    masks: bool
    tta: float


class Word(NamedTuple):
    """A picture ready to be read, or why there is none."""
    path: str | None
    data: Any = None  # what is computed with
    kind: tuple | None = None  # words of one kind may share a batch; None: of no kind
    valid_ratio: float = 1.0  # share of the data, from the left, that shows the picture
    size: tuple[int, int] | None = None
    image: np.ndarray | None = None  # for more views, see `shrunk`
    error: str | None = None
    view: View | None = None  # which this is of another picture
    whole: Word | None = None  # that picture
    digest: str | None = None  # of the picture, in whatever view, where a context needs it


class WordReader(ABC):
    """Read words from pictures: :class:`WordInferencer` by PyTorch, whatever the model is;
    :class:`ONNXWordReader` packaged models by onnxruntime. :func:`load_reader` chooses.

    What is read of a word does not depend on what else is in its batch: only pictures that are
    brought to the same size share one, so nothing is ever padded for the sake of others.

    Subclasses set the attributes, and say how a picture is prepared and how a batch is read.

    Attributes:
        characters (Sequence[str]): The name of each class.
        hidden (Collection[int]): Classes that are no characters, such as padding.
        tta (float): Test-time augmentation: words of a smaller probability are read again from six
            other views, turned, slanted, from closer and from further away (and tall pictures lying
            on their sides), and the most probable one counts. 0 never does that; 1 does it for all
            words but those without a doubt.
        workers (int): Threads that load pictures while others are read. 0 loads them in between.
        char_boxes (str): What boxes of characters are made of: 'glyphs', glyph maps, without which
            there are none; 'cuts', the ink of the picture, cut into as many characters as were
            read; 'auto', the ink and CTC's alignment, which agree best; of other recognizers glyph
            maps where there are some for all characters, else the ink, and the attention, if that
            is known.
    """

    characters: Sequence[str]
    hidden: Collection[int]

    def __init__(self, tta: float | None, packaged: bool, workers: int | None,
                 char_boxes: str = 'auto') -> None:
        if tta is not None and not 0 <= tta <= 1:
            raise ValueError(f'tta must be a probability from 0 to 1, got {tta!r}')
        if char_boxes not in CHAR_BOXES:
            raise ValueError(f'char_boxes must be one of {CHAR_BOXES}, got {char_boxes!r}')
        self.char_boxes = char_boxes
        self.tta = tta if tta is not None else _UNSURE if packaged else 0.0
        self.workers = min(4, os.cpu_count() or 1) if workers is None else workers
        _read_after_forks()

    @abstractmethod
    def _prepared(self, image: np.ndarray) -> tuple[Any, tuple, float]:
        """Data, kind and valid ratio of a picture, uint8 BGR (H, W, 3); see :class:`Word`."""

    @abstractmethod
    def _shown(self, word: Word) -> np.ndarray:
        """What is shown of the picture, without padding: uint8 (h, w) or BGR (h, w, 3)."""

    @abstractmethod
    def _read_alike(self, words: Sequence[Word], options: Options) -> list[WordResult]:
        """Read words of one kind, by :meth:`_result`."""

    def __call__(self, inputs: Any, batch_size: int = 32, nbest: int = 1,
                 return_char_boxes: bool = True, return_masks: bool = False,
                 progress: bool | Callable[[int, int | None], None] | None = None
                 ) -> list[WordResult]:
        """Read pictures.

        Args:
            inputs: A path of a picture or of a folder (with its subfolders), ``'@list.txt'`` (a
                path a line), an array (H, W) or (H, W, C) as OpenCV gives it (BGR; see
                :func:`~mmocr_siga.images.to_bgr_uint8` for other numbers than uint8), a tensor
                (C, H, W) as torchvision gives it (RGB), the bytes of a file, an open file, a PIL
                image, or an iterable of any of these.
            nbest: How many texts to search for each word; with 1 it is read greedily.
            progress: Whether to show a bar on the standard error, or what to tell the number of
                pictures done and of all. None is a bar for many pictures on a terminal.

        Returns:
            One result for each picture, in order, those that cannot be read among them, with
            their ``error``.

        Raises:
            ValueError: If ``batch_size`` or ``nbest`` is less than 1, or n-best reading is asked of
                a reader that does not have it.
        """
        options = self._options(batch_size, nbest, return_char_boxes, return_masks)
        sources = list(expand(inputs))
        # None: on a terminal only.
        hidden = None if progress is None and len(sources) >= _MANY else progress is not True
        results = []
        for result in tqdm(self._read(sources, options), total=len(sources), unit=' images',
                           file=sys.stderr, disable=hidden):
            results.append(result)
            if callable(progress):
                progress(len(results), len(sources))
        return results

    def iter_read(self, inputs: Any, batch_size: int = 32, nbest: int = 1,
                  return_char_boxes: bool = True, return_masks: bool = False
                  ) -> Iterator[WordResult]:
        """As :meth:`__call__`, one after the other: inputs are taken from an iterable as they are
        needed, and results come in their order as soon as they are there."""
        options = self._options(batch_size, nbest, return_char_boxes, return_masks)
        return self._read(expand(inputs), options)

    def _options(self, batch_size: int, nbest: int, boxes: bool, masks: bool) -> Options:
        check_counts(batch_size=batch_size, nbest=nbest)
        return Options(batch_size, nbest, boxes, masks, self.tta)

    def _read(self, sources: Iterable[Source], options: Options) -> Iterator[WordResult]:
        """Read all pictures, and give the results in their order."""
        done: dict[int, WordResult] = {}
        following = 0
        for batch in _batches(self._loaded(sources, 2 * options.batch_size), options.batch_size):
            numbers, words = zip(*batch)
            done.update(zip(numbers, self._read_with_views(words, options)))
            while following in done:
                yield done.pop(following)
                following += 1

    def _loaded(self, sources: Iterable[Source], ahead: int) -> Iterator[Word]:
        """Words ready to be read; threads load some ahead."""
        sources = iter(sources)
        first = list(islice(sources, 2))
        if self.workers == 0 or len(first) < 2:
            yield from map(self._load, chain(first, sources))
            return
        queue: deque[Future] = deque()
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for source in chain(first, sources):
                    queue.append(pool.submit(self._load, source))
                    if len(queue) > ahead:
                        yield queue.popleft().result()
                while queue:
                    yield queue.popleft().result()
            finally:
                for future in queue:
                    future.cancel()

    def _digest(self, image: np.ndarray) -> str | None:
        """By which a picture is known again."""
        return None

    def _load(self, source: Source) -> Word:
        try:
            image = picture_of(source)
            # Many words may wait for company, so whole pictures are not kept.
            kept = shrunk(image) if self.tta else None
            return Word(source.path, *self._prepared(image), image.shape[1::-1], kept,
                        digest=self._digest(image))
        except Exception as error:  # of a picture; the others are read all the same
            return Word(source.path, error=reason_of(error))

    def _read_with_views(self, words: Sequence[Word], options: Options) -> list[WordResult]:
        """Read a batch, and what is unsure in other views, too."""
        results = self._read_batch(words, options)
        more = [(i, view, self._load(Source(None, seen))._replace(
                    view=view, whole=word, digest=word.digest))
                for i, (word, result) in enumerate(zip(words, results))
                if result.error is None and result.score < options.tta
                for view, seen in views(word.image, word.size)]
        for batch in _batches((word for _, _, word in more), options.batch_size):
            numbers, seen = zip(*batch)
            for number, result in zip(numbers, self._read_batch(seen, options)):
                i, view, _ = more[number]
                if result.error is None:
                    results[i] = better_result(results[i], taken_back(result, view, results[i]))
        return results

    def _read_batch(self, words: Sequence[Word], options: Options) -> list[WordResult]:
        """Read words of one kind; where that fails, as for lack of memory, one by one."""
        if words[0].error is not None:
            return [WordResult(word.path, error=word.error) for word in words]
        try:
            return self._read_alike(words, options)
        except Exception as error:
            if len(words) == 1:
                return [WordResult(words[0].path, error=f'reading failed: {reason_of(error)}')]
            return [self._read_batch([word], options)[0] for word in words]

    def _result(self, word: Word, hypotheses: Sequence[Hypothesis], options: Options,
                maps: Mapping[str, np.ndarray], grid: np.ndarray | None = None,
                attention: np.ndarray | None = None) -> WordResult:
        """Text, scores and places of a word; ``maps`` are probabilities (T + 1, h, w) a scale, the
        background first, ``grid`` is as for :func:`box_pixels`, ``attention`` (T, w) that of the
        characters over columns."""
        best = hypotheses[0]
        shown = self._characters(best.tokens)
        result = WordResult(word.path, self._text(best.tokens), best.probability,
                            [best.scores[i] for i in shown], size=word.size)
        if options.nbest > 1:
            result.nbest = [(self._text(h.tokens), h.probability) for h in hypotheses]
        if any(len(values) <= len(best.tokens) for values in maps.values()):
            maps = {}  # a line of more characters than there are maps of
        glyphs = {scale: values[[1 + i for i in shown]] for scale, values in maps.items()}
        if options.boxes:
            if attention is not None:
                attention = attention[shown]
            result.char_boxes = self._boxes(word, result.text, glyphs, grid, attention)
        if maps and options.masks and grid is None:
            background = {scale: values[0] for scale, values in maps.items()}
            result.mask = character_mask(glyphs, background, word.size, word.valid_ratio)
        return result

    def _boxes(self, word: Word, text: Sequence[str], glyphs: Mapping[str, np.ndarray],
               grid: np.ndarray | None = None,
               attention: np.ndarray | None = None) -> list[list[float]] | None:
        """Boxes of the characters in pixels of the picture, also of one that was seen in a view;
        ``glyphs`` are probabilities (L, h, w) a scale, ``attention`` is (L, w)."""
        # Where lines stay level, boxes are found in the picture itself: the bounds of boxes of
        # a turned view are larger than what these hold.
        level = word.view is not None and word.view.level and grid is None
        whole, back = word, np.array([[word.valid_ratio, 0, 0], [0, 1, 0]])
        if level:
            whole, back = word.whole, back[:, :2] @ word.view.shares(word.whole.size, word.size)
        if glyphs and attention is None and self.char_boxes != 'cuts':
            ratio = 1.0 if level else word.valid_ratio
            shares = character_boxes(glyphs, ratio, back if level else None)
            boxes = box_pixels(shares, whole.size, ratio, grid)
        elif self.char_boxes == 'glyphs':
            return None
        else:
            # Behind a preprocessor that bends the picture, columns are others.
            claims = attention if grid is None and self.char_boxes == 'auto' else None
            mask = ink_mask(self._shown(whole), len(text))
            boxes = box_pixels(ink_boxes(mask, text, claims, back), whole.size)
        if word.view is not None and not level:
            boxes = word.view.boxes_back(boxes, word.whole.size)
        return boxes.tolist()

    def _characters(self, tokens: Sequence[int]) -> list[int]:
        """Positions of the tokens that stand for a character."""
        return [i for i, token in enumerate(tokens) if token not in self.hidden]

    def _text(self, tokens: Sequence[int]) -> str:
        names = (self.characters[tokens[i]] for i in self._characters(tokens))
        # A token for unknown characters has a name of several letters.
        return ''.join(name if len(name) == 1 else '\N{REPLACEMENT CHARACTER}' for name in names)


@cache
def _read_after_forks() -> None:
    """Threads do not survive a fork, and OpenCV would wait for its own: they end before, and the
    child has none."""
    if not hasattr(os, 'register_at_fork'):
        return
    threads = []

    def end_threads() -> None:
        threads.append(cv2.getNumThreads())
        cv2.setNumThreads(1)

    os.register_at_fork(before=end_threads,
                        after_in_parent=lambda: cv2.setNumThreads(threads.pop()))


def _batches(words: Iterable[Word], size: int) -> Iterator[list[tuple[int, Word]]]:
    """Put words of one kind together, each with its number; those that cannot be read alone."""
    waiting: dict[tuple | None, list[tuple[int, Word]]] = {}
    for number, word in enumerate(words):
        alike = waiting.setdefault(word.kind, [])
        alike.append((number, word))
        if len(alike) == size or word.kind is None:
            yield waiting.pop(word.kind)
        elif sum(map(len, waiting.values())) > _WAITING * size:
            yield waiting.pop(next(iter(waiting)))  # the one that waits longest
    yield from waiting.values()
