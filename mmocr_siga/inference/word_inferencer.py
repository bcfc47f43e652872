"""Read words from pictures: text, confidence, and where each character is."""
from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from torch import nn

from ..images import UnusableImageError
from ..models.decoders.base import WordDecoder, greedy_hypotheses
from ..models.recognizers import GlyphRecognizer
from ..models.utils.weights import load_weights
from ..structures.encodings import GlyphEncoding
from ..structures.results import WordResult
from ..structures.words import Hypothesis
from ..visualization import draw_reading
from .context import PoolEvidence, fingerprint_of, learns_in_context, pool_of
from .context_pool import ContextPool, picture_digest
from .explain import explain
from .in_context import InContextWords
from .inputs import Source, check_counts, expand, picture_of
from .optimize import optimize_for_inference
from .packaged import DEFAULT_MODEL, config_and_weights
from .pipelines import mmocr_scope, packed, picture_pipeline
from .tta import views
from .word_reader import Options, Word, WordReader

__all__ = ['WordInferencer']


class WordInferencer(WordReader):
    """Read words from pictures by PyTorch, with any recognizer of MMOCR.

    The network runs in float32 (on a GPU without TF32), unless another precision is chosen.

    Args:
        model: Name of a packaged model, or a config or the path of one, or of a packaged model's
            config in any folder.
        weights: Checkpoint; needed with a config, and taken instead of the packaged weights with a
            name. It is loaded without running code.
        device: None is a GPU where there is one.
        workers: See :class:`WordReader`. None is as many as CPUs, at most 4.
        optimize: Whether to bring the model into the form that reads fastest on a CPU (see
            :func:`~mmocr_siga.apis.optimize_for_inference`), if probabilities stay the same to 1e-5
            by it. ``model`` cannot be trained or loaded anew then.
        precision: 'float32', or 'bfloat16' for convolutions and matrix products in half precision:
            much faster for large models where the processor has instructions for it (AMX,
            AVX512-BF16, GPUs), but some texts, and scores by a few hundredths, differ.
        tta: See :class:`WordReader`. None is 0.6 for packaged models, 0 for others.
        char_boxes: See :class:`WordReader`.
        context: Labelled words of the kind that is to be read: a :class:`ContextPool`, its file
            (.npz), or a table (.tsv) or folder of such words. Characters that look like theirs are
            read by them, too. Nothing is trained; a word's own picture never serves it, and other
            words stay as they are read without.
        shots: Most words of the context that serve a word, the nearest. None is 100, or 8 for an
            :class:`~mmocr_siga.models.recognizers.InContextRecognizer`, before whose words they are
            put.

    Raises:
        FileNotFoundError: If there is no such model, config or checkpoint.
        ValueError: If the weights do not fit the model, a config comes without weights, for
            another precision or a ``tta`` that is no probability, or if the context is damaged or
            the model cannot use one.
        RuntimeError: If the device is not there.

    Example:
        >>> read = WordInferencer()
        >>> read('word.png')[0].text
        'COFFEE'
    """

    def __init__(self, model: str | os.PathLike | Config = DEFAULT_MODEL,
                 weights: str | os.PathLike | None = None, device: str | torch.device | None = None,
                 workers: int | None = None, optimize: bool = True, precision: str = 'float32',
                 tta: float | None = None, char_boxes: str = 'auto',
                 context: ContextPool | str | os.PathLike | None = None,
                 shots: int | None = None) -> None:
        check_counts(shots=1 if shots is None else shots)
        if precision not in ('float32', 'bfloat16'):
            raise ValueError(f"precision must be 'float32' or 'bfloat16', but is {precision!r}")
        self.precision = precision
        self.device = _device(device)
        self.cfg, weights, packaged = config_and_weights(model, weights)
        super().__init__(tta, packaged, workers, char_boxes)
        _read_after_forks()
        self.model = _built(self.cfg, weights).to(self.device)
        self.pipeline = picture_pipeline(self.cfg)
        # Whether it is read part by part. Plug-ins that feed a recognizer are there only while it
        # predicts.
        self.by_parts = (isinstance(self.model, GlyphRecognizer)
                         and isinstance(self.model.decoder, WordDecoder)
                         and not getattr(self.model, '_feeds', False))
        if self.by_parts:
            dictionary = self.model.decoder.dictionary
            self.characters = dictionary.dict
            self.hidden = {dictionary.start_idx, dictionary.padding_idx} - {None}
        # As long as the weights are those of the file.
        self._fingerprint = fingerprint_of(self.model, self.cfg.test_dataloader.dataset.pipeline)
        if optimize and self.by_parts and self.device.type == 'cpu':
            self._optimize()
        self.context: PoolEvidence | InContextWords | None = None
        if context is not None:
            self._take(context, shots)

    def with_context(self, context: ContextPool | str | os.PathLike,
                     shots: int | None = None) -> WordInferencer:
        """Another reader, of the same model, with a context; arguments as in the constructor."""
        other = copy.copy(self)
        other._take(context, shots)
        return other

    def _take(self, context: ContextPool | str | os.PathLike, shots: int | None) -> None:
        kind = InContextWords if learns_in_context(self) else PoolEvidence
        self.context = kind(self, pool_of(context), shots, self._fingerprint)

    def draw(self, picture: Any) -> np.ndarray:
        """Read and draw a word by :func:`~mmocr_siga.visualization.draw_reading`, uint8 BGR.

        Raises:
            UnusableImageError: If the picture cannot be read.
            ValueError: If there is not exactly one picture, or the model cannot be explained.
        """
        if not self.by_parts:
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
            explanation = explain(self.model, image, result)
        boxes = None if 'rectified' in explanation else result.char_boxes
        return draw_reading(image, char_boxes=boxes, **explanation)

    def as_seen(self, image: np.ndarray, result: WordResult) -> tuple[np.ndarray, WordResult]:
        """A picture (BGR) in the view that it was read in, and the result with places in that;
        both as they are if it was read as it is."""
        if result.view is None:
            return image, result
        seen = next(seen for view, seen in views(image) if view.name == result.view)
        word = self._load(Source(None, seen))._replace(digest=self._digest(image))
        return seen, self._read_batch([word], Options(1, 1, True, True, 0.0))[0]

    @torch.no_grad()
    def taught(self, image: np.ndarray, tokens: torch.Tensor
               ) -> tuple[Any, list, dict[str, torch.Tensor]]:
        """What the encoder makes of a picture, uint8 BGR (H, W, 3), in a batch of one, its sample,
        and the logits of the decoder, which is fed ``tokens`` (T,)."""
        data = packed(self.pipeline, image)
        with self.precise():
            batch = self.model.data_preprocessor(
                {key: [value] for key, value in data.items()}, False)
            images, _ = self.model.rectify(batch['inputs'])
            encoding = self.model.encode(images, batch['data_samples'])[1]
            decoded = self.model.decoder.decode(encoding, batch['data_samples'], tokens[None])
            logits = {name: values.float() for name, values in decoded.logits.items()}
            return encoding, batch['data_samples'], logits

    def _digest(self, image: np.ndarray) -> str | None:
        return None if self.context is None else picture_digest(image)

    def _optimize(self) -> None:
        blank = packed(self.pipeline, np.full((32, 128, 3), 127, np.uint8))['inputs']
        try:
            optimize_for_inference(self.model, tuple(blank.shape[-2:]), tolerance=1e-5)
        except RuntimeError:  # it would read otherwise, or other images: it stays as it is
            pass

    def _options(self, batch_size: int, nbest: int, boxes: bool, masks: bool) -> Options:
        options = super()._options(batch_size, nbest, boxes, masks)
        if nbest > 1 and not self.by_parts:
            raise ValueError(f'nbest={nbest}: a {type(self.model).__name__} with a '
                             f'{type(self.model.decoder).__name__} reads greedily only')
        return options

    def _prepared(self, image: np.ndarray) -> tuple[dict[str, Any], tuple, float]:
        data = packed(self.pipeline, image)
        ratio = float(data['data_samples'].get('valid_ratio', 1.0))
        return data, (tuple(data['inputs'].shape), ratio < 1.0), ratio

    def _shown(self, word: Word) -> np.ndarray:
        image = word.data['inputs'].clamp(0, 255).byte()
        image = image[..., :max(1, round(image.shape[2] * word.valid_ratio))].numpy()
        return image[0] if len(image) == 1 else np.ascontiguousarray(image.transpose(1, 2, 0))

    @torch.no_grad()
    def _read_alike(self, words: Sequence[Word], options: Options) -> list[WordResult]:
        """Through backbone, encoder and decoder to texts and places."""
        data = dict(inputs=[word.data['inputs'] for word in words],
                    data_samples=[word.data['data_samples'] for word in words])
        with self.precise():
            if not self.by_parts:
                return self._predicted(words, self.model.test_step(data), options)
            batch = self.model.data_preprocessor(data, False)
            images, grid = self.model.rectify(batch['inputs'])
            features, encoding = self.model.encode(images, batch['data_samples'])
            plain = found = self.hypotheses(features, encoding, batch['data_samples'],
                                            options.nbest)
            if self.context is not None:
                found = self.context.reread(encoding, batch['data_samples'],
                                            [word.digest for word in words], found)
            maps = {}
            if options.boxes or options.masks:
                longest = max(len(hypotheses[0].tokens) for hypotheses in found)
                maps = _glyph_probabilities(encoding, longest)
            nothing = [None] * len(words)
            grids = nothing if grid is None else grid.float().cpu().numpy()
            attention = nothing
            if options.boxes and self.char_boxes == 'auto' and (
                    self.model.decoder.aligned or not maps
                    or longest >= min(values.shape[1] for values in maps.values())):
                attention = self._attention(features, encoding, batch['data_samples'], found)
        results = [
            self._result(word, hypotheses, options, {k: v[i] for k, v in maps.items()}, *more)
            for i, (word, hypotheses, *more) in enumerate(zip(words, found, grids, attention))]
        for result, before, after in zip(results, plain, found):
            result.by_context = before is not after
        return results

    def _predicted(self, words: Sequence[Word], samples: Sequence[Any],
                   options: Options) -> list[WordResult]:
        """What recognizers give whose parts are unknown here: text and scores alone."""
        results = []
        for word, sample in zip(words, samples):
            text = sample.pred_text.item
            scores = torch.as_tensor(sample.pred_text.score, dtype=torch.float).tolist()
            result = WordResult(word.path, text, float(np.prod(scores)), scores, size=word.size)
            if options.boxes:
                # Tokens such as <UKN> are one character of what was read.
                known = text if len(text) == len(scores) else [''] * len(scores)
                result.char_boxes = self._boxes(word, known, {})
            results.append(result)
        return results

    def hypotheses(self, features: Any, encoding: Any, samples: list,
                   nbest: int) -> list[list[Hypothesis]]:
        """What is read of words of which a backbone and an encoder made something."""
        decoder = self.model.decoder
        if nbest > 1:
            return decoder.nbest(encoding, nbest, data_samples=samples)
        probabilities = decoder.forward_test(features, encoding, samples)
        return [[word] for word in greedy_hypotheses(probabilities, decoder.dictionary.end_idx)]

    def _attention(self, features: Any, encoding: Any, samples: list,
                   found: Sequence[Sequence[Hypothesis]]) -> Sequence[np.ndarray | None]:
        """That of each word's characters over columns, (T, w); None where there is none."""
        words = [hypotheses[0].tokens for hypotheses in found]
        attention = self.model.decoder.attention_of(features, encoding, words, samples)
        if isinstance(encoding, GlyphEncoding):
            width = encoding.context.shape[1]
        else:
            width = (features if torch.is_tensor(features) else features[-1]).shape[-1]
        if attention is None or max(attention.shape[2], width) % min(attention.shape[2], width):
            return [None] * len(words)
        if attention.shape[2] > width:  # row after row of a map; encoders may have fewer columns
            attention = attention.unflatten(2, (-1, width)).sum(2)
        return attention.float().cpu().numpy()

    def precise(self) -> AbstractContextManager:
        """Within it the network computes in the reader's precision."""
        if self.precision == 'bfloat16':
            return torch.autocast(self.device.type, torch.bfloat16)
        return _full_precision(self.device)


@cache
def _read_after_forks() -> None:
    """Threads do not survive a fork, and torch would wait for those of OpenMP for ever."""
    if hasattr(os, 'register_at_fork'):
        os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


class SIGAInferencer(WordInferencer):
    """The first name of :class:`WordInferencer`, whose ``tta`` was ``second_look``."""

    def __init__(self, *args: Any, second_look: float | None = None, **options: Any) -> None:
        super().__init__(*args, **options, **({} if second_look is None else
                                              dict(tta=second_look)))


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
