"""Read words with an exported recognizer: onnxruntime, NumPy and OpenCV (and Pillow, for other
pictures than plain JPEG and PNG), without PyTorch or MMOCR.

    python -m mmocr_siga.inference.onnx_recognizer siga_tiny.onnx word.png more_words/*.jpg
"""
from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import cv2
import numpy as np

from ..compat.sums import check_sum
from ..geometry.character_boxes import box_pixels
from ..geometry.ink_cuts import ink_boxes, ink_mask
from ..images import read_file
from ..structures.words import Hypothesis
from .inputs import Source, check_counts, expand, picture_of, reason_of

__all__ = ['FORMAT_KEY', 'FORMAT_VERSION', 'ONNXRecognizer', 'prepared']

# Under this key of the file's metadata there is a JSON object; docs/guides/export.md describes it.
FORMAT_KEY = 'mmocr_siga'
FORMAT_VERSION = 1
_MAPS = 'glyph_maps_'  # with a scale: an output
ALIGNMENT = 'alignment'  # another one
_FROM_MEMORY = 'add_external_initializers_from_files_in_memory'

INTERPOLATIONS = dict(nearest=cv2.INTER_NEAREST, bilinear=cv2.INTER_LINEAR,
                      bicubic=cv2.INTER_CUBIC, area=cv2.INTER_AREA, lanczos=cv2.INTER_LANCZOS4)
_REQUIRED = ('format_version', 'model', 'dictionary', 'preprocessing', 'max_seq_len')


class Prepared(NamedTuple):
    """An image as the graph takes it."""
    image: np.ndarray  # uint8 BGR (H, W, 3)
    valid_ratio: float  # share of the width that shows the image and not its padding
    size: tuple[int, int] | None = None  # width and height that it had

    @property
    def shown(self) -> np.ndarray:
        """Without padding."""
        return self.image[:, :max(1, round(self.image.shape[1] * self.valid_ratio))]


class ONNXRecognizer:
    """A recognizer exported by ``tools/checkpoints/export_onnx.py``.

    Args:
        path: The ONNX file.
        threads: Threads that compute; None is ``OMP_NUM_THREADS``, or else all cores.
        providers: Those of onnxruntime, by name; None for the CPU.
        weights: The checkpoint that the file refers to for its weights, if it does.

    Raises:
        ImportError: If onnxruntime is missing.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no ONNX file, or not one that was exported for this reader, or of a
            newer format; if a file is not what its card is of; or for less than one thread.

    Attributes:
        metadata (dict): That of the file; docs/guides/export.md describes it.
        maps (list[str]): Outputs with glyph maps.
        aligned (bool): Whether there is an output with the columns of each character.

    Example:
        >>> read = ONNXRecognizer('siga_tiny.onnx')
        >>> read('word.png')[0]['text']
        'coffee'
    """

    def __init__(self, path: str | os.PathLike, threads: int | None = None,
                 providers: Sequence[str] | None = None,
                 weights: str | os.PathLike | None = None) -> None:
        self.path = os.path.abspath(path)
        self._options = threads, providers, weights and os.path.abspath(weights)
        self._opened = os.getpid(), _session(self.path, *self._options)
        self.metadata = _metadata(self.session, self.path)
        self._inputs = {value.name for value in self.session.get_inputs()}
        self.aligned = any(value.name == ALIGNMENT for value in self.session.get_outputs())
        self.maps = [value.name for value in self.session.get_outputs()
                     if value.name.startswith(_MAPS)]

    @property
    def session(self) -> Any:
        """The session of onnxruntime. Its threads do not survive a fork: each process has its own.
        """
        process, session = self._opened
        if process != os.getpid():
            # The inherited one is kept: its end would wait for its threads.
            self._inherited = session
            session = _session(self.path, *self._options)
            self._opened = os.getpid(), session
        return session

    def __reduce__(self) -> tuple:
        return type(self), (self.path, *self._options)

    def __call__(self, images: Any, batch_size: int = 32, return_glyph_maps: bool = False,
                 return_char_boxes: bool = False) -> list[dict[str, Any]]:
        """Read words.

        Args:
            images: Pictures of a word each, as :class:`WordInferencer` takes them.

        Returns:
            For each word in order ``text``, ``score`` (probability of all its characters and of its
            end), ``char_scores`` (list of float), and with ``return_glyph_maps`` ``glyph_maps``
            (dict of scale to float32 (T + 1, h, w): the probability of each pixel to be background,
            or a part of the t-th character), with ``return_char_boxes`` ``char_boxes`` (list of x1,
            y1, x2, y2 in the picture's pixels, by :func:`~mmocr_siga.geometry.ink_cuts.ink_boxes`:
            out of its ink). For what cannot be read ``text`` is empty, and
            ``error`` says why.

        Raises:
            ValueError: If ``batch_size`` is less than 1, or the file has no glyph maps.
        """
        return list(self.iter_read(images, batch_size, return_glyph_maps, return_char_boxes))

    def iter_read(self, images: Any, batch_size: int = 32, return_glyph_maps: bool = False,
                  return_char_boxes: bool = False) -> Iterator[dict[str, Any]]:
        """Read any number of words one batch after the other; arguments as in :meth:`__call__`."""
        check_counts(batch_size=batch_size)
        if return_glyph_maps and not self.maps:
            raise ValueError(f'{self.path} gives no glyph maps: export it with --glyph-maps, from '
                             'a model that has them')
        return self._batches(images, batch_size, self.maps if return_glyph_maps else [],
                             return_char_boxes)

    def _batches(self, images: Any, size: int, maps: Sequence[str],
                 boxes: bool) -> Iterator[dict[str, Any]]:
        sources = enumerate(expand(images))
        for batch in iter(lambda: list(islice(sources, size)), []):
            words = [self._prepared(source, number) for number, source in batch]
            alike: dict[tuple, list[int]] = {}  # where images keep their ratio, sizes differ
            for i, word in enumerate(words):
                if isinstance(word, Prepared):
                    alike.setdefault(word.image.shape, []).append(i)
            for places in alike.values():
                for i, result in zip(places, self._read([words[i] for i in places], maps)):
                    if boxes and 'error' not in result:
                        result['char_boxes'] = _char_boxes(words[i], result)
                    words[i] = result
            yield from words

    def _prepared(self, source: Source, number: int) -> Prepared | dict[str, Any]:
        """A word as the graph takes it, or what is given for one that cannot be read."""
        try:
            image = picture_of(source)
            word = prepared(image, self.metadata['preprocessing']['steps'])
            return word._replace(size=image.shape[1::-1])
        except Exception as error:
            return _failed(f'cannot use {source.path or f"picture {number}"}: {reason_of(error)}')

    def _read(self, words: Sequence[Prepared], maps: Sequence[str]) -> list[dict[str, Any]]:
        """Read words as one batch; where that fails, as for lack of memory, one by one."""
        try:
            return self.read_prepared(words, maps=maps)
        except Exception as error:
            if len(words) == 1:
                return [_failed(f'reading failed: {reason_of(error)}')]
            return [self._read([word], maps)[0] for word in words]

    def read_prepared(self, batch: Sequence[Prepared], max_steps: int | None = None,
                      maps: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Read images that :func:`prepared` made, as one batch; see :meth:`hypotheses`."""
        found, by_scale = self.hypotheses(batch, max_steps, maps)
        words = [self._word(hypothesis) for hypothesis in found]
        for i, word in enumerate(words if maps else ()):
            word['glyph_maps'] = {scale: values[i] for scale, values in by_scale.items()}
        return words

    def hypotheses(self, batch: Sequence[Prepared], max_steps: int | None = None,
                   maps: Sequence[str] = ()) -> tuple[list[Hypothesis], dict[str, np.ndarray]]:
        """The greedy reading of each image, and of ``maps``, outputs with glyph maps or that with
        the alignment, those of each word, by scale. ``max_steps`` ends reading early, for graphs
        with an input ``steps``."""
        feeds = dict(images=np.stack([word.image for word in batch]))
        if 'valid_ratio' in self._inputs:
            feeds['valid_ratio'] = np.array([word.valid_ratio for word in batch], np.float32)
        if max_steps is not None:
            feeds['steps'] = np.array(max_steps)
        tokens, scores, *found = self.session.run(['tokens', 'scores', *maps], feeds)
        end = self.metadata['dictionary']['end_idx']
        words = []
        for classes, values in zip(tokens.tolist(), scores.tolist()):
            length = classes.index(end) if end in classes else len(classes)
            words.append(Hypothesis(tuple(classes[:length]), tuple(values[:length]),
                                    math.prod(values[:length + 1])))
        return words, {name.removeprefix(_MAPS): values for name, values in zip(maps, found)}

    def _word(self, hypothesis: Hypothesis) -> dict[str, Any]:
        dictionary = self.metadata['dictionary']
        kept = [(dictionary['characters'][c], s)
                for c, s in zip(hypothesis.tokens, hypothesis.scores)
                if c not in dictionary['ignored']]
        return dict(text=''.join(c for c, _ in kept), score=hypothesis.probability,
                    char_scores=[s for _, s in kept])


def _char_boxes(word: Prepared, result: dict[str, Any]) -> list[list[float]]:
    text, count = result['text'], len(result['char_scores'])
    # A token such as <UKN> is one character of what was read.
    boxes = ink_boxes(ink_mask(word.shown, count), text if len(text) == count else [''] * count)
    return box_pixels(boxes, word.size).tolist()


def prepared(image: np.ndarray, steps: Sequence[dict[str, Any]]) -> Prepared:
    """Bring an image, uint8 BGR (H, W, 3), to the size that a graph takes, by the
    ``preprocessing.steps`` of its metadata, which are those of the test pipeline.

    Raises:
        ValueError: If a step is unknown.
    """
    valid_ratio = 1.0
    for step in steps:
        height, width = image.shape[:2]
        if step['type'] in ('resize', 'rescale_to_height'):
            new = step.get('width') or _rescaled_width(height, width, step)
            image = cv2.resize(image, (new, step['height']),
                               interpolation=INTERPOLATIONS[step['interpolation']])
        elif step['type'] == 'pad_to_width':
            valid_ratio = min(1.0, width / step['width'])
            right = max(0, step['width'] - width)
            image = cv2.copyMakeBorder(image, 0, 0, 0, right, cv2.BORDER_CONSTANT,
                                       value=step['value'])
        else:
            raise ValueError(f'the preprocessing step {step["type"]!r} is unknown: a newer '
                             'mmocr_siga reads this file')
    return Prepared(image, valid_ratio)


def _rescaled_width(height: int, width: int, step: dict[str, Any]) -> int:
    """The width that MMOCR's ``RescaleToHeight`` gives an image."""
    new = max(math.ceil(float(step['height']) / height * width), step.get('min_width') or 0)
    new = min(new, step.get('max_width') or new)
    divisor = step.get('width_divisor', 1)
    return round(new / divisor) * divisor


def _failed(reason: str) -> dict[str, Any]:
    return dict(text='', score=0.0, char_scores=[], error=reason)


def _session(path: str, threads: int | None, providers: Sequence[str] | None,
             weights: str | None = None) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f'reading with {path} needs onnxruntime, which could not be imported '
                          f'({error}): pip install onnxruntime') from error
    if threads is None and os.environ.get('OMP_NUM_THREADS', '').isdecimal():
        threads = int(os.environ['OMP_NUM_THREADS']) or None
    check_counts(threads=1 if threads is None else threads)
    if not os.path.isfile(path):
        raise FileNotFoundError(f'no ONNX file at {path!r}')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    for file in filter(None, (path, weights)):
        check_sum(file)
    # By its content: a path is refused where links lead out of the folder, as package managers lay
    # them. Versions that cannot take it look for the file beside the graph.
    if weights is not None and hasattr(options, _FROM_MEMORY):
        content = read_file(weights)
        getattr(options, _FROM_MEMORY)([os.path.basename(weights)], [content], [len(content)])
    try:
        return onnxruntime.InferenceSession(path, options,
                                            providers=list(providers or ['CPUExecutionProvider']))
    except Exception as error:  # onnxruntime's errors have no base class of their own
        raise ValueError(f'{path} is not an ONNX file that onnxruntime {onnxruntime.__version__} '
                         f'can run: {error}') from error


def _metadata(session: Any, path: str) -> dict[str, Any]:
    """The JSON object of the file, checked."""
    text = session.get_modelmeta().custom_metadata_map.get(FORMAT_KEY)
    named = f'the metadata {FORMAT_KEY!r} of {path}'
    hint = 'export a recognizer by tools/checkpoints/export_onnx.py'
    if text is None:
        raise ValueError(f'{path} has no metadata {FORMAT_KEY!r}, which say how to read with it: '
                         f'{hint}')
    try:
        metadata = json.loads(text)
    except ValueError as error:
        raise ValueError(f'{named} are no JSON ({error}): {hint}') from error
    missing = [key for key in _REQUIRED if not isinstance(metadata, dict) or key not in metadata]
    if missing:
        raise ValueError(f'{named} lack {missing}: {hint}')
    if metadata['format_version'] != FORMAT_VERSION:
        raise ValueError(f'{path} has the format {metadata["format_version"]}, this reader knows '
                         f'{FORMAT_VERSION}: update mmocr_siga, or export the file anew')
    return metadata


def main(argv: Sequence[str] | None = None) -> int:
    """Read words from the command line: a line of text, score and path each."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if len(arguments) < 2 or arguments[0].startswith('-'):
        print('usage: python -m mmocr_siga.inference.onnx_recognizer FILE.onnx PICTURE ...',
              file=sys.stderr)
        return 2
    try:
        read = ONNXRecognizer(arguments[0])
    except (ImportError, OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    sources, failed = list(expand(arguments[1:])), 0
    for source, word in zip(sources, read.iter_read(sources)):
        if 'error' in word:
            failed = 1
            print(f'error: {word["error"]}', file=sys.stderr)
        else:
            print(f'{word["text"]}\t{word["score"]:.4f}\t{source.path}')
    return failed


if __name__ == '__main__':
    sys.exit(main())
