"""Read words with a packaged model by onnxruntime, without PyTorch."""
from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..structures.results import WordResult
from .onnx_recognizer import ALIGNMENT, ONNXRecognizer, prepared
from .packaged import DEFAULT_MODEL, packaged_of
from .word_reader import Options, Word, WordReader

__all__ = ['ONNXWordReader']


class ONNXWordReader(WordReader):
    """Read words from pictures as :class:`WordInferencer` does, on the CPU: the same texts, scores
    to 1e-3, boxes to a pixel. It starts in a tenth of the time.

    Args:
        model: Name of a packaged model, or the path of its config in any folder.
        threads: Threads that compute; None is ``OMP_NUM_THREADS``, or else all cores.
        workers: See :class:`WordReader`. None is as many as CPUs, at most 4.
        tta: See :class:`WordReader`. None is 0.6.
        char_boxes: See :class:`WordReader`.

    Raises:
        ImportError: If onnxruntime is missing.
        FileNotFoundError: If there is no such model, or it has no graph.
        ValueError: If it is no packaged model, or a file is not what its card is of.
    """

    def __init__(self, model: str | os.PathLike = DEFAULT_MODEL, threads: int | None = None,
                 workers: int | None = None, tta: float | None = None,
                 char_boxes: str = 'auto') -> None:
        super().__init__(tta, True, workers, char_boxes)
        files = packaged_of(model)
        if files is None:
            raise ValueError(f'{model} is the config of no packaged model: onnxruntime reads with '
                             'those that tools/checkpoints/pack_weights.py has packed')
        if not files.graph.is_file():
            raise FileNotFoundError(f'{files.graph}, the graph that onnxruntime reads with, is '
                                    'missing: pack the model anew, or install the package again')
        self.recognizer = ONNXRecognizer(files.graph, threads, weights=files.weights)
        dictionary = self.recognizer.metadata['dictionary']
        self.characters, self.hidden = dictionary['characters'], dictionary['ignored']

    def _options(self, batch_size: int, nbest: int, boxes: bool, masks: bool) -> Options:
        options = super()._options(batch_size, nbest, boxes, masks)
        if nbest > 1:
            raise ValueError(f'nbest={nbest}: by onnxruntime words are read greedily; '
                             "WordInferencer, or backend='torch', searches")
        return options

    def _prepared(self, image: np.ndarray) -> tuple[Any, tuple, float]:
        word = prepared(image, self.recognizer.metadata['preprocessing']['steps'])
        return word, word.image.shape, word.valid_ratio

    def _shown(self, word: Word) -> np.ndarray:
        return word.data.shown

    def _read_alike(self, words: Sequence[Word], options: Options) -> list[WordResult]:
        by_alignment = options.boxes and self.char_boxes == 'auto' and self.recognizer.aligned
        wanted = [ALIGNMENT] * by_alignment
        if options.masks or options.boxes and not by_alignment:
            wanted += self.recognizer.maps
        found, maps = self.recognizer.hypotheses([word.data for word in words], maps=wanted)
        alignment = maps.pop(ALIGNMENT, [None] * len(words))
        return [self._result(word, [best], options, {k: v[i] for k, v in maps.items()},
                             attention=attention)
                for i, (word, best, attention) in enumerate(zip(words, found, alignment))]
