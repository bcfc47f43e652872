"""Read words from pictures: text, confidence, and where each character is."""
from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from torch import Tensor

from ..datasets.progress import Progress
from ..geometry.character_boxes import box_pixels, character_boxes, character_mask
from ..images import UnusableImageError
from ..models.layers import Hypothesis, greedy_hypotheses
from ..models.utils.weights import load_weights
from ..visualization import draw_reading
from .explain import explain
from .forward import (
    Encoded,
    encode,
    glyph_probabilities,
    mmocr_scope,
    packed,
    reading_pipeline,
    reads_glyphs,
)
from .inputs import Source, expand, picture_of
from .optimize import optimize_for_reading
from .packaged import DEFAULT_MODEL, find_packaged, packaged_config, packaged_models
from .tta import Look, looks, shrunk
from .word_reading import WordReading, better_reading, taken_back

__all__ = ['WordInferencer', 'WordReading']

# Pictures of different sizes that wait for company, in batches.
_WAITING = 8
# Below so many pictures a bar is gone before it is seen.
_MANY = 64
# Probability below which packaged models look again: a fifth of real words. A higher limit takes
# more time and finds next to nothing.
_UNSURE = 0.6


class _Options(NamedTuple):
    batch_size: int
    nbest: int
    boxes: bool
    masks: bool
    second_look: float


class _Word(NamedTuple):
    """A picture ready for the network."""
    source: Source
    data: dict[str, Any] | None = None
    size: tuple[int, int] | None = None
    image: np.ndarray | None = None  # for a second look, see `shrunk`
    error: str | None = None


class WordInferencer:
    """Read words from pictures.

    A word's reading does not depend on what else is in its batch: only pictures that the pipeline
    brings to the same size share one, so nothing is ever padded for the sake of others, and the
    network runs in float32 (on a GPU without TF32), unless another precision is chosen.

    Args:
        model (str or PathLike or Config): Name of a packaged model (see
            :func:`~mmocr_siga.inference.packaged.packaged_models`), or a config or the path of
            one, or of a packaged model's config in any folder. Defaults to 'siga_tiny_words'.
        weights (str or PathLike, optional): Checkpoint; needed with a config, and taken instead of
            the packaged weights with a name. It is loaded without running code.
        device (str or torch.device, optional): Defaults to None: a GPU where there is one.
        workers (int, optional): Threads that load pictures while the network reads. 0 loads them in
            between. Defaults to None: as many as CPUs, at most 4.
        optimise (bool): Whether to bring the model into the form that reads fastest on a CPU (see
            :func:`~mmocr_siga.apis.optimize_for_reading`), if probabilities stay the same to 1e-5
            by it. ``model`` cannot be trained or loaded anew then. Defaults to True.
        precision (str): 'float32', or 'bfloat16' for convolutions and matrix products in half
            precision: much faster for large models where the processor has instructions for it
            (AMX, AVX512-BF16, GPUs), but some texts, and scores by a few hundredths, differ.
            Defaults to 'float32'.
        second_look (float, optional): Words of a smaller probability are read again six times,
            turned, slanted, from closer and from further away (and tall pictures lying on their
            sides), and the most probable reading counts. 0 never does that; 1 does it for all words
            but those without a doubt. Defaults to None: 0.6 for packaged models, 0 for others.

    Raises:
        FileNotFoundError: If there is no such model, config or checkpoint.
        ValueError: If the weights do not fit the model, a config comes without weights, or for
            another precision or a ``second_look`` that is no probability.
        RuntimeError: If the device is not there.

    Example:
        >>> read = WordInferencer()
        >>> read('word.png')[0].text
        'COFFEE'
    """

    def __init__(self,
                 model: str | os.PathLike | Config = DEFAULT_MODEL,
                 weights: str | os.PathLike | None = None,
                 device: str | torch.device | None = None,
                 workers: int | None = None,
                 optimise: bool = True,
                 precision: str = 'float32',
                 second_look: float | None = None) -> None:
        if second_look is not None and not 0 <= second_look <= 1:
            raise ValueError(f'second_look must be a probability from 0 to 1, got {second_look!r}')
        if precision not in ('float32', 'bfloat16'):
            raise ValueError(f"precision must be 'float32' or 'bfloat16', but is {precision!r}")
        self.precision = precision
        self.device = _device(device)
        self.cfg, weights, packaged = _resolved(model, weights)
        self.second_look = second_look
        if second_look is None:
            self.second_look = _UNSURE if packaged else 0.0
        self.model = _built(self.cfg, weights).to(self.device)
        self.pipeline = reading_pipeline(self.cfg)
        self.workers = min(4, os.cpu_count() or 1) if workers is None else workers
        self._by_parts = reads_glyphs(self.model)
        if optimise and self._by_parts and self.device.type == 'cpu':
            self._optimise()

    def __call__(self, inputs: Any, batch_size: int = 32, nbest: int = 1,
                 return_char_boxes: bool = True, return_masks: bool = False,
                 progress: bool | Callable[[int, int | None], None] | None = None
                 ) -> list[WordReading]:
        """Read pictures.

        Args:
            inputs (Any): A path of a picture or of a folder (with its subfolders), ``'@list.txt'``
                (a path a line), an array (H, W) or (H, W, C) as OpenCV gives it (BGR; see
                :func:`~mmocr_siga.images.to_bgr_uint8` for other numbers than uint8),
                the bytes of a file, a PIL image, or an iterable of any of these.
            batch_size (int): Pictures at a time. Defaults to 32.
            nbest (int): How many readings of each word to search; with 1 the word is read greedily.
                Defaults to 1.
            return_char_boxes (bool): Whether to find the characters' boxes. Defaults to True.
            return_masks (bool): Whether to find the characters' pixels. Defaults to False.
            progress (bool or Callable, optional): Whether to show a bar on the standard error, or
                what to tell the number of pictures done and of all (None where it is not known).
                Defaults to None: a bar for many pictures on a terminal.

        Returns:
            list[WordReading]: One for each picture, in order, those that cannot be read among them,
            with their ``error``.

        Raises:
            ValueError: If ``batch_size`` or ``nbest`` is less than 1, or n-best reading is asked of
                a model that does not have it.
        """
        options = self._options(batch_size, nbest, return_char_boxes, return_masks)
        sources = list(expand(inputs))
        readings = []
        with _reported(progress, len(sources)) as report:
            for reading in self._read(sources, options):
                readings.append(reading)
                report(len(readings))
        return readings

    def iter_read(self, inputs: Any, batch_size: int = 32, nbest: int = 1,
                  return_char_boxes: bool = True, return_masks: bool = False
                  ) -> Iterator[WordReading]:
        """Read any number of pictures one after the other; arguments as in :meth:`__call__`.

        Inputs are taken from an iterable as they are needed, and readings come in their order as
        soon as they are there.
        """
        options = self._options(batch_size, nbest, return_char_boxes, return_masks)
        return self._read(expand(inputs), options)

    def draw(self, picture: Any) -> np.ndarray:
        """Draw how a word was read.

        Args:
            picture (Any): A path, an array, bytes or a PIL image.

        Returns:
            ndarray: uint8 BGR; see :func:`~mmocr_siga.visualization.draw_reading`.

        Raises:
            UnusableImageError: If the picture cannot be read.
            ValueError: If there is not exactly one picture, or the model cannot be explained.
        """
        if not self._by_parts:
            raise ValueError(f'a {type(self.model).__name__} shows nothing of how it reads: it '
                             'takes a GlyphRecognizer')
        sources = list(expand(picture))
        if len(sources) != 1:
            raise ValueError(f'one picture is drawn at a time, but {len(sources)} were given')
        image = picture_of(sources[0])
        image, reading = self.as_seen(image, self(image)[0])
        with _full_precision(self.device):
            evidence = explain(self.model, image)
        boxes = None if 'rectified' in evidence else reading.char_boxes
        return draw_reading(image, char_boxes=boxes, **evidence)

    def as_seen(self, image: np.ndarray, reading: WordReading) -> tuple[np.ndarray, WordReading]:
        """A picture from the side that it was read from.

        Args:
            image (ndarray): The picture, BGR (H, W, 3).
            reading (WordReading): Its reading.

        Returns:
            tuple[ndarray, WordReading]: What was seen, and the reading with places in its pixels;
            both as they were if that was no second look.
        """
        if reading.look is None:
            return image, reading
        seen = next(seen for look, seen in looks(image) if look.name == reading.look.name)
        return seen, next(self._read([Source(None, seen)], _Options(1, 1, True, True, 0.0)))

    def _optimise(self) -> None:
        blank = packed(self.pipeline, np.full((32, 128, 3), 127, np.uint8))['inputs']
        try:
            optimize_for_reading(self.model, tuple(blank.shape[-2:]), tolerance=1e-5)
        except RuntimeError:  # it would read otherwise, or other images: it stays as it is
            pass

    def _options(self, batch_size: int, nbest: int, boxes: bool, masks: bool) -> _Options:
        for name, value in (('batch_size', batch_size), ('nbest', nbest)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f'{name} must be a whole number from 1 on, got {value!r}')
        if nbest > 1 and not self._by_parts:
            raise ValueError(f'nbest={nbest}: a {type(self.model).__name__} with a '
                             f'{type(self.model.decoder).__name__} reads greedily only')
        return _Options(batch_size, nbest, boxes, masks, self.second_look)

    def _read(self, sources: Iterable[Source], options: _Options) -> Iterator[WordReading]:
        return self._in_order(self._prepared(sources, 2 * options.batch_size), options)

    def _in_order(self, words: Iterator[_Word], options: _Options) -> Iterator[WordReading]:
        """Batch words of the same size, and give the readings in the order of the words."""
        waiting: dict[tuple, list[tuple[int, _Word]]] = {}
        done: dict[int, WordReading] = {}
        following = 0

        def run(key: tuple) -> None:
            numbers, batch = zip(*waiting.pop(key))
            done.update(zip(numbers, self._read_twice(batch, options)))

        for number, word in enumerate(words):
            if word.error is not None:
                done[number] = WordReading(word.source.path, error=word.error)
            else:
                key = _size_key(word.data)
                waiting.setdefault(key, []).append((number, word))
                if len(waiting[key]) == options.batch_size:
                    run(key)
                elif sum(map(len, waiting.values())) > _WAITING * options.batch_size:
                    run(min(waiting, key=lambda key: waiting[key][0][0]))
            while following in done:
                yield done.pop(following)
                following += 1
        for key in list(waiting):
            run(key)
        while following in done:
            yield done.pop(following)
            following += 1

    def _prepared(self, sources: Iterable[Source], ahead: int) -> Iterator[_Word]:
        """Load pictures, some ahead of the network."""
        sources = iter(sources)
        first = list(_taken(sources, 2))
        if self.workers == 0 or len(first) < 2:
            yield from map(self._prepare, first)
            yield from map(self._prepare, sources)
            return
        with ThreadPoolExecutor(self.workers) as pool:
            queue: deque[Future] = deque(pool.submit(self._prepare, source)
                                         for source in (*first, *_taken(sources, ahead)))
            try:
                while queue:
                    word = queue.popleft().result()
                    queue.extend(pool.submit(self._prepare, s) for s in _taken(sources, 1))
                    yield word
            finally:
                for future in queue:
                    future.cancel()

    def _prepare(self, source: Source) -> _Word:
        try:
            image = picture_of(source)
            # Many words may wait for company, so whole pictures are not kept.
            kept = shrunk(image) if self.second_look else None
            return _Word(source, packed(self.pipeline, image), image.shape[1::-1], kept)
        except (UnusableImageError, MemoryError, cv2.error) as error:
            reason = ' '.join(str(error).split()) or type(error).__name__
            return _Word(source, error=reason)

    def _read_twice(self, words: Sequence[_Word], options: _Options) -> list[WordReading]:
        """Read a batch, and what is unsure from other sides."""
        readings = self._read_batch(words, options)
        others: dict[tuple, list[tuple[int, Look, _Word]]] = {}
        for i, (word, reading) in enumerate(zip(words, readings)):
            if reading.score < options.second_look:
                for look, image in looks(word.image, word.size):
                    seen = self._prepare(Source(None, image))
                    if seen.error is None:
                        others.setdefault(_size_key(seen.data), []).append((i, look, seen))
        for alike in others.values():
            for first in range(0, len(alike), options.batch_size):
                numbers, ways, batch = zip(*alike[first:first + options.batch_size])
                for i, look, reading in zip(numbers, ways, self._read_batch(batch, options)):
                    readings[i] = better_reading(readings[i],
                                                 taken_back(reading, look, readings[i]))
        return readings

    @torch.no_grad()
    def _read_batch(self, words: Sequence[_Word], options: _Options) -> list[WordReading]:
        with _precision(self.precision, self.device), mmocr_scope():
            if not self._by_parts:
                return self._predict(words)
            batch = encode(self.model, [word.data for word in words])
            found = self._hypotheses(batch, options.nbest)
            most = max(len(hypotheses[0].tokens) for hypotheses in found)
            maps = {}
            if options.boxes or options.masks:
                maps = glyph_probabilities(batch.encoding, most)
            grid = None if batch.grid is None else batch.grid.float().cpu().numpy()
        readings = []
        for i, (word, hypotheses) in enumerate(zip(words, found)):
            reading = self._reading(word, hypotheses, options)
            if maps:
                self._add_places(reading, hypotheses[0], {k: v[i] for k, v in maps.items()},
                                 float(batch.samples[i].get('valid_ratio', 1.0)),
                                 None if grid is None else grid[i], options)
            readings.append(reading)
        return readings

    def _hypotheses(self, batch: Encoded, nbest: int) -> list[list[Hypothesis]]:
        decoder = self.model.decoder
        if nbest > 1:
            return decoder.nbest(batch.encoding, nbest, data_samples=batch.samples)
        probabilities = decoder.forward_test(batch.features, batch.encoding, batch.samples)
        return [[word] for word in greedy_hypotheses(probabilities, decoder.dictionary.end_idx)]

    def _reading(self, word: _Word, hypotheses: Sequence[Hypothesis],
                 options: _Options) -> WordReading:
        best = hypotheses[0]
        places = self._shown(best.tokens)
        reading = WordReading(
            word.source.path, self._text(best.tokens), best.probability,
            [best.scores[i] for i in places], size=word.size)
        if options.nbest > 1:
            reading.nbest = [(self._text(h.tokens), h.probability) for h in hypotheses]
        return reading

    def _add_places(self, reading: WordReading, best: Hypothesis, maps: dict[str, np.ndarray],
                    valid_ratio: float, grid: np.ndarray | None, options: _Options) -> None:
        """Boxes and mask of the characters, from the maps (T + 1, h, w) of a word."""
        channels = [1 + i for i in self._shown(best.tokens)]
        glyphs = {scale: values[channels] for scale, values in maps.items()}
        if options.boxes:
            boxes = character_boxes(glyphs, valid_ratio)
            reading.char_boxes = box_pixels(boxes, reading.size, valid_ratio, grid).tolist()
        if options.masks and grid is None:
            background = {scale: values[0] for scale, values in maps.items()}
            reading.mask = character_mask(glyphs, background, reading.size, valid_ratio)

    def _predict(self, words: Sequence[_Word]) -> list[WordReading]:
        """The way of recognisers whose parts are unknown here: text and scores alone."""
        data = dict(inputs=[word.data['inputs'] for word in words],
                    data_samples=[word.data['data_samples'] for word in words])
        readings = []
        for word, sample in zip(words, self.model.test_step(data)):
            text = sample.pred_text.item
            scores = torch.as_tensor(sample.pred_text.score, dtype=torch.float).tolist()
            readings.append(WordReading(word.source.path, text, float(np.prod(scores)), scores,
                                        size=word.size))
        return readings

    def _shown(self, tokens: Sequence[int]) -> list[int]:
        """Positions of the tokens that stand for a character."""
        dictionary = self.model.decoder.dictionary
        hidden = (dictionary.start_idx, dictionary.padding_idx)
        return [i for i, token in enumerate(tokens) if token not in hidden]

    def _text(self, tokens: Sequence[int]) -> str:
        characters = self.model.decoder.dictionary.dict
        names = (characters[tokens[i]] for i in self._shown(tokens))
        # A token for unknown characters has a name of several letters.
        return ''.join(name if len(name) == 1 else '\N{REPLACEMENT CHARACTER}' for name in names)


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(device)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().split('\n')[0]
        raise RuntimeError(f'the device {str(device)!r} cannot be used: {reason}') from error
    return device


def _resolved(model: str | os.PathLike | Config, weights: str | os.PathLike | None
              ) -> tuple[Config, str | os.PathLike, bool]:
    """Config, weights, and whether they belong to a packaged model."""
    if isinstance(model, Config):
        cfg, name = model, 'a config'
    else:
        name = os.fspath(model)
        if not os.path.isfile(name):
            if Path(name).suffix in ('.py', '.json', '.yaml', '.yml'):
                raise FileNotFoundError(f'there is no config at {name!r}')
            found = find_packaged(name)
            own = weights is None
            return packaged_config(found), found.weights if own else weights, own
        path = Path(name)
        if weights is None and path.stem in packaged_models(path.parent):
            found = find_packaged(path.stem, path.parent)
            return packaged_config(found), found.weights, True
        cfg = Config.fromfile(name)
    if weights is None:
        raise ValueError(f'{name} needs weights: give a checkpoint that was trained with it')
    return cfg, weights, False


def _built(cfg: Config, weights: str | os.PathLike) -> torch.nn.Module:
    """The recogniser, without its training head, in evaluation mode."""
    settings = cfg.model.copy()
    if settings.get('glyph_head') is not None:
        settings['glyph_head'] = None
    with mmocr_scope():
        model = MODELS.build(settings)
    load_weights(model, weights)
    model.cfg = cfg
    return model.eval().float()


def _size_key(data: dict[str, Any]) -> tuple:
    inputs: Tensor = data['inputs']
    return tuple(inputs.shape), float(data['data_samples'].get('valid_ratio', 1.0)) < 1.0


def _taken(items: Iterator, count: int) -> Iterator:
    for _ in range(count):
        try:
            yield next(items)
        except StopIteration:
            return


@contextmanager
def _precision(name: str, device: torch.device) -> Iterator[None]:
    if name == 'float32':
        with _full_precision(device):
            yield
        return
    with torch.autocast(device.type, torch.bfloat16):
        yield


@contextmanager
def _full_precision(device: torch.device) -> Iterator[None]:
    """Convolutions in float32 on GPUs too, by algorithms that do not depend on what ran before."""
    if device.type != 'cuda':
        yield
        return
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True,
                                    allow_tf32=False):
        yield


@contextmanager
def _reported(progress: bool | Callable | None, total: int) -> Iterator[Callable[[int], None]]:
    if callable(progress):
        yield lambda done: progress(done, total)
        return
    if progress is None:
        progress = total >= _MANY and Progress.on_terminal()
    if not progress:
        yield lambda done: None
        return
    bar = Progress(total)
    try:
        yield bar.update
    finally:
        bar.close()
