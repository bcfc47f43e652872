"""Read words from pictures: text, confidence, and where each character is."""
from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from itertools import chain, islice
from typing import Any, Callable, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from torch import nn
from tqdm import tqdm

from ..geometry.character_boxes import box_pixels, character_boxes, character_mask
from ..images import UnusableImageError
from ..models.decoders.base import WordDecoder, greedy_hypotheses
from ..models.recognizers import GlyphRecognizer
from ..models.utils.weights import load_weights
from ..structures.encodings import GlyphEncoding
from ..structures.results import WordResult
from ..structures.words import Hypothesis
from ..visualization import draw_reading
from .explain import explain
from .inputs import Source, check_counts, expand, picture_of, reason_of
from .optimize import optimize_for_inference
from .packaged import DEFAULT_MODEL, config_and_weights
from .pipelines import mmocr_scope, packed, picture_pipeline
from .tta import better_result, shrunk, taken_back, views

__all__ = ['WordInferencer']

# Pictures of different sizes that wait for company, in batches.
_WAITING = 8
# Below so many pictures a bar is gone before it is seen.
_MANY = 64
# Probability below which packaged models take more views: a fifth of real words. A higher limit
# takes more time and finds next to nothing.
_UNSURE = 0.6


class _Options(NamedTuple):
    batch_size: int
    nbest: int
    boxes: bool
    masks: bool
    tta: float


class _Word(NamedTuple):
    """A picture ready for the network, or why there is none."""
    path: str | None
    data: dict[str, Any] | None = None
    size: tuple[int, int] | None = None
    image: np.ndarray | None = None  # for more views, see `shrunk`
    error: str | None = None

    @property
    def valid_ratio(self) -> float:
        """Share of the network's input, from the left, that shows the picture."""
        return float(self.data['data_samples'].get('valid_ratio', 1.0))

    @property
    def kind(self) -> tuple | None:
        """Words of one kind may share a batch; None: of no kind."""
        return self.data and (tuple(self.data['inputs'].shape), self.valid_ratio < 1.0)


class WordInferencer:
    """Read words from pictures.

    What is read of a word does not depend on what else is in its batch: only pictures that the
    pipeline brings to the same size share one, so nothing is ever padded for the sake of others,
    and the network runs in float32 (on a GPU without TF32), unless another precision is chosen.

    Args:
        model: Name of a packaged model, or a config or the path of one, or of a packaged model's
            config in any folder.
        weights: Checkpoint; needed with a config, and taken instead of the packaged weights with a
            name. It is loaded without running code.
        device: None is a GPU where there is one.
        workers: Threads that load pictures while the network reads. 0 loads them in between. None
            is as many as CPUs, at most 4.
        optimize: Whether to bring the model into the form that reads fastest on a CPU (see
            :func:`~mmocr_siga.apis.optimize_for_inference`), if probabilities stay the same to 1e-5
            by it. ``model`` cannot be trained or loaded anew then.
        precision: 'float32', or 'bfloat16' for convolutions and matrix products in half precision:
            much faster for large models where the processor has instructions for it (AMX,
            AVX512-BF16, GPUs), but some texts, and scores by a few hundredths, differ.
        tta: Test-time augmentation: words of a smaller probability are read again from six other
            views, turned, slanted, from closer and from further away (and tall pictures lying on
            their sides), and the most probable one counts. 0 never does that; 1 does it for all
            words but those without a doubt. None is 0.6 for packaged models, 0 for others.

    Raises:
        FileNotFoundError: If there is no such model, config or checkpoint.
        ValueError: If the weights do not fit the model, a config comes without weights, or for
            another precision or a ``tta`` that is no probability.
        RuntimeError: If the device is not there.

    Example:
        >>> read = WordInferencer()
        >>> read('word.png')[0].text
        'COFFEE'
    """

    def __init__(self, model: str | os.PathLike | Config = DEFAULT_MODEL,
                 weights: str | os.PathLike | None = None, device: str | torch.device | None = None,
                 workers: int | None = None, optimize: bool = True, precision: str = 'float32',
                 tta: float | None = None) -> None:
        if tta is not None and not 0 <= tta <= 1:
            raise ValueError(f'tta must be a probability from 0 to 1, got {tta!r}')
        if precision not in ('float32', 'bfloat16'):
            raise ValueError(f"precision must be 'float32' or 'bfloat16', but is {precision!r}")
        self.precision = precision
        _read_after_forks()
        self.device = _device(device)
        self.cfg, weights, packaged = config_and_weights(model, weights)
        self.tta = tta if tta is not None else _UNSURE if packaged else 0.0
        self.model = _built(self.cfg, weights).to(self.device)
        self.pipeline = picture_pipeline(self.cfg)
        self.workers = min(4, os.cpu_count() or 1) if workers is None else workers
        # Whether it is read part by part. Plug-ins that feed a recognizer are there only while it
        # predicts.
        self._by_parts = (isinstance(self.model, GlyphRecognizer)
                          and isinstance(self.model.decoder, WordDecoder)
                          and not getattr(self.model, '_feeds', False))
        if optimize and self._by_parts and self.device.type == 'cpu':
            self._optimize()

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
                a model that does not have it.
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

    def draw(self, picture: Any) -> np.ndarray:
        """Read and draw a word by :func:`~mmocr_siga.visualization.draw_reading`, uint8 BGR.

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
        result = self(image)[0]
        if result.error is not None:
            raise UnusableImageError(result.error)
        image, result = self.as_seen(image, result)
        with _full_precision(self.device):
            explanation = explain(self.model, image)
        boxes = None if 'rectified' in explanation else result.char_boxes
        return draw_reading(image, char_boxes=boxes, **explanation)

    def as_seen(self, image: np.ndarray, result: WordResult) -> tuple[np.ndarray, WordResult]:
        """A picture (BGR) in the view that it was read in, and the result with places in that;
        both as they are if it was read as it is."""
        if result.view is None:
            return image, result
        seen = next(seen for view, seen in views(image) if view.name == result.view)
        return seen, next(self._read([Source(None, seen)], _Options(1, 1, True, True, 0.0)))

    def _optimize(self) -> None:
        blank = packed(self.pipeline, np.full((32, 128, 3), 127, np.uint8))['inputs']
        try:
            optimize_for_inference(self.model, tuple(blank.shape[-2:]), tolerance=1e-5)
        except RuntimeError:  # it would read otherwise, or other images: it stays as it is
            pass

    def _options(self, batch_size: int, nbest: int, boxes: bool, masks: bool) -> _Options:
        check_counts(batch_size=batch_size, nbest=nbest)
        if nbest > 1 and not self._by_parts:
            raise ValueError(f'nbest={nbest}: a {type(self.model).__name__} with a '
                             f'{type(self.model.decoder).__name__} reads greedily only')
        return _Options(batch_size, nbest, boxes, masks, self.tta)

    def _read(self, sources: Iterable[Source], options: _Options) -> Iterator[WordResult]:
        """Read all pictures, and give the results in their order."""
        done: dict[int, WordResult] = {}
        following = 0
        for batch in _batches(self._loaded(sources, 2 * options.batch_size), options.batch_size):
            numbers, words = zip(*batch)
            done.update(zip(numbers, self._read_with_views(words, options)))
            while following in done:
                yield done.pop(following)
                following += 1

    def _loaded(self, sources: Iterable[Source], ahead: int) -> Iterator[_Word]:
        """Words ready for the network; threads load some ahead of it."""
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

    def _load(self, source: Source) -> _Word:
        try:
            image = picture_of(source)
            # Many words may wait for company, so whole pictures are not kept.
            kept = shrunk(image) if self.tta else None
            return _Word(source.path, packed(self.pipeline, image), image.shape[1::-1], kept)
        except Exception as error:  # of a picture; the others are read all the same
            return _Word(source.path, error=reason_of(error))

    def _read_with_views(self, words: Sequence[_Word], options: _Options) -> list[WordResult]:
        """Read a batch, and what is unsure in other views, too."""
        results = self._read_batch(words, options)
        more = [(i, view, self._load(Source(None, seen)))
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

    def _read_batch(self, words: Sequence[_Word], options: _Options) -> list[WordResult]:
        """Read words of one kind; where that fails, as for lack of memory, one by one."""
        if words[0].error is not None:
            return [WordResult(word.path, error=word.error) for word in words]
        try:
            return self._read_alike(words, options)
        except Exception as error:
            if len(words) == 1:
                return [WordResult(words[0].path, error=f'reading failed: {reason_of(error)}')]
            return [self._read_batch([word], options)[0] for word in words]

    @torch.no_grad()
    def _read_alike(self, words: Sequence[_Word], options: _Options) -> list[WordResult]:
        """Through backbone, encoder and decoder to texts and places."""
        data = dict(inputs=[word.data['inputs'] for word in words],
                    data_samples=[word.data['data_samples'] for word in words])
        with self._precision():
            if not self._by_parts:
                return _predicted(words, self.model.test_step(data))
            batch = self.model.data_preprocessor(data, False)
            images, grid = self.model.rectify(batch['inputs'])
            features = self.model._backbone(images)
            encoding = (self.model.encoder(features, batch['data_samples'])
                        if self.model.with_encoder else None)
            found = self._hypotheses(features, encoding, batch['data_samples'], options.nbest)
            maps = {}
            if options.boxes or options.masks:
                longest = max(len(hypotheses[0].tokens) for hypotheses in found)
                maps = _glyph_probabilities(encoding, longest)
            grids = [None] * len(words) if grid is None else grid.float().cpu().numpy()
        results = []
        for i, (word, hypotheses, grid) in enumerate(zip(words, found, grids)):
            result = self._result(word, hypotheses, options)
            if maps:
                self._add_places(result, word, hypotheses[0], {k: v[i] for k, v in maps.items()},
                                 grid, options)
            results.append(result)
        return results

    def _hypotheses(self, features: Any, encoding: Any, samples: list,
                    nbest: int) -> list[list[Hypothesis]]:
        decoder = self.model.decoder
        if nbest > 1:
            return decoder.nbest(encoding, nbest, data_samples=samples)
        probabilities = decoder.forward_test(features, encoding, samples)
        return [[word] for word in greedy_hypotheses(probabilities, decoder.dictionary.end_idx)]

    def _result(self, word: _Word, hypotheses: Sequence[Hypothesis],
                options: _Options) -> WordResult:
        best = hypotheses[0]
        scores = [best.scores[i] for i in self._shown(best.tokens)]
        result = WordResult(word.path, self._text(best.tokens), best.probability, scores,
                            size=word.size)
        if options.nbest > 1:
            result.nbest = [(self._text(h.tokens), h.probability) for h in hypotheses]
        return result

    def _add_places(self, result: WordResult, word: _Word, best: Hypothesis,
                    maps: dict[str, np.ndarray], grid: np.ndarray | None,
                    options: _Options) -> None:
        """Boxes and mask of the characters, from the maps (T + 1, h, w) of a word."""
        channels = [1 + i for i in self._shown(best.tokens)]
        glyphs = {scale: values[channels] for scale, values in maps.items()}
        if options.boxes:
            boxes = character_boxes(glyphs, word.valid_ratio)
            result.char_boxes = box_pixels(boxes, word.size, word.valid_ratio, grid).tolist()
        if options.masks and grid is None:
            background = {scale: values[0] for scale, values in maps.items()}
            result.mask = character_mask(glyphs, background, word.size, word.valid_ratio)

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

    def _precision(self) -> AbstractContextManager:
        if self.precision == 'bfloat16':
            return torch.autocast(self.device.type, torch.bfloat16)
        return _full_precision(self.device)


@cache
def _read_after_forks() -> None:
    """Threads do not survive a fork, and torch would wait for those of OpenMP for ever."""
    if hasattr(os, 'register_at_fork'):
        os.register_at_fork(after_in_child=_use_one_thread)


def _use_one_thread() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


class SIGAInferencer(WordInferencer):
    """The first name of :class:`WordInferencer`, whose ``tta`` was ``second_look``."""

    def __init__(self, *args: Any, second_look: float | None = None, **options: Any) -> None:
        super().__init__(*args, **options, **({} if second_look is None else
                                              dict(tta=second_look)))


def _batches(words: Iterable[_Word], size: int) -> Iterator[list[tuple[int, _Word]]]:
    """Put words of one kind together, each with its number; those that cannot be read alone."""
    waiting: dict[tuple | None, list[tuple[int, _Word]]] = {}
    for number, word in enumerate(words):
        alike = waiting.setdefault(word.kind, [])
        alike.append((number, word))
        if len(alike) == size or word.kind is None:
            yield waiting.pop(word.kind)
        elif sum(map(len, waiting.values())) > _WAITING * size:
            yield waiting.pop(next(iter(waiting)))  # the one that waits longest
    yield from waiting.values()


def _predicted(words: Sequence[_Word], samples: Sequence[Any]) -> list[WordResult]:
    """What recognizers give whose parts are unknown here: text and scores alone."""
    results = []
    for word, sample in zip(words, samples):
        scores = torch.as_tensor(sample.pred_text.score, dtype=torch.float).tolist()
        results.append(WordResult(word.path, sample.pred_text.item, float(np.prod(scores)), scores,
                                  size=word.size))
    return results


def _glyph_probabilities(encoding: Any, steps: int) -> dict[str, np.ndarray]:
    """(N, T + 1, h, w) of each scale, the background first; empty where there are no maps."""
    maps = encoding.glyph_maps if isinstance(encoding, GlyphEncoding) else {}
    return {scale: logits.float().softmax(1)[:, :steps + 1].cpu().numpy()
            for scale, logits in maps.items()}


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


def _built(cfg: Config, weights: str | os.PathLike) -> nn.Module:
    """The recognizer, without its training head, in evaluation mode."""
    without = dict(glyph_head=None) if cfg.model.get('glyph_head') is not None else {}
    with mmocr_scope():
        model = MODELS.build({**cfg.model, **without})
    load_weights(model, weights)
    model.cfg = cfg
    return model.eval().float()


def _full_precision(device: torch.device) -> AbstractContextManager:
    """Convolutions in float32 on GPUs too, by algorithms that do not depend on what ran before."""
    if device.type != 'cuda':
        return nullcontext()
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True,
                                      allow_tf32=False)
