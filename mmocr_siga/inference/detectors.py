"""Text detectors as functions from a picture to outlines of words."""
from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmocr.apis import TextDetInferencer
from mmocr.structures import TextDetDataSample

from .packaged import find_packaged
from .pipelines import mmocr_scope

__all__ = ['DEFAULT_DETECTOR', 'Detector', 'Found', 'MMOCRDetector', 'Tile', 'TiledDetector',
           'build_detector', 'found_by', 'tiles']

DEFAULT_DETECTOR = 'dbnet_words'
Detector = Callable[[np.ndarray], Any]

# Detectors reduce pictures to a frame, of whose sides one is about this often as long as the other:
# of a longer picture little more than lines would be left.
_LONG = 4
_LEAST_SIDE, _MOST_TILES = 32, 64
# Nothing can be read in a picture of fewer pixels.
_LOWEST = 8
# Words are lost where pictures are reduced by more than this.
_REDUCED = 0.5


class Found(NamedTuple):
    """What a detector found in a picture."""
    polygons: Any
    scores: Sequence[float] | None = None
    note: str | None = None  # how it looked, where that is not as at any picture


class Tile(NamedTuple):
    """Part of a picture. Its are the words whose middle lies, along the picture's longer side,
    in ``[begin, end)``."""
    left: int
    top: int
    right: int
    bottom: int
    begin: float = -math.inf
    end: float = math.inf


def tiles(width: int, height: int) -> list[Tile]:
    """The parts in which a picture is looked at: the whole, or, if it is more than four times as
    long as wide, parts up to three times as long as wide that overlap by its width; 64 at most."""
    length, side = max(width, height), max(min(width, height), _LEAST_SIDE)
    if length <= _LONG * side or min(width, height) < _LOWEST:
        return [Tile(0, 0, width, height)]
    count = min(math.ceil((length - side) / (2 * side)), _MOST_TILES)
    step, out = (length - side) / count, []
    for i in range(count):
        low, high = int(i * step), min(math.ceil((i + 1) * step + side), length)
        begin = i * step + side / 2 if i else -math.inf
        end = (i + 1) * step + side / 2 if i + 1 < count else math.inf
        box = (low, 0, high, height) if width > height else (0, low, width, high)
        out.append(Tile(*box, begin, end))
    return out


class TiledDetector:
    """A detector that reduces large pictures, and looks at long ones in :func:`tiles`; what it
    found says so."""

    def sample(self, image: np.ndarray) -> TextDetDataSample:
        """What is found in a picture as a whole, BGR (H, W, 3): ``pred_instances`` with polygons
        and scores, and ``img_shape`` and ``scale_factor`` of the pixels that were looked at."""
        raise NotImplementedError

    def __call__(self, image: np.ndarray) -> Found:
        """Find words in a picture, BGR (H, W, 3)."""
        height, width = image.shape[:2]
        parts = tiles(width, height)
        polygons, scores, least, size = [], [], 1.0, None
        for tile in parts:
            part = image[tile.top:tile.bottom, tile.left:tile.right]
            sample = self.sample(np.ascontiguousarray(part))
            factor = min(sample.get('scale_factor', (1.0, 1.0)))
            if factor < least:
                least, size = factor, sample.img_shape[1::-1]
            found = sample.pred_instances
            for polygon, score in zip(found.polygons, found.scores):
                points = np.reshape(polygon, (-1, 2)) + (tile.left, tile.top)
                along = points[:, 0 if width > height else 1]
                if tile.begin <= (along.min() + along.max()) / 2 < tile.end:
                    polygons.append(points.reshape(-1))
                    scores.append(float(score))
        return Found(polygons, scores, _note(len(parts), least, size))


class MMOCRDetector(TiledDetector):
    """A text detector of MMOCR.

    Args:
        det: Config, its path or name, or name of a packaged detector.
        weights: Checkpoint; needed with a path or config.
        device: None is a GPU where there is one.

    Raises:
        FileNotFoundError: If there is no such config, or no such weights.
        ValueError: If a config comes without weights.
    """

    def __init__(self, det: str | os.PathLike | Config,
                 weights: str | os.PathLike | None = None,
                 device: str | torch.device | None = None) -> None:
        if not isinstance(det, Config):
            det = os.fspath(det)
            if det.endswith('.py') and not os.path.isfile(det):
                raise FileNotFoundError(f'there is no config of a detector at {det!r}')
        if weights is not None:
            weights = os.fspath(weights)
            if '://' not in weights and not os.path.isfile(weights):
                raise FileNotFoundError(f'there are no weights of a detector at {weights!r}')
        elif isinstance(det, Config) or det.endswith('.py'):
            raise ValueError('a config of a detector needs det_weights: a checkpoint that was '
                             'trained with it')
        elif det == DEFAULT_DETECTOR:
            model = find_packaged(det)
            det, weights = str(model.config), str(model.weights)
        with mmocr_scope():
            self.inferencer = TextDetInferencer(det, weights,
                                                None if device is None else str(device))

    def sample(self, image: np.ndarray) -> TextDetDataSample:
        with mmocr_scope():
            sample, = self.inferencer(image, return_datasamples=True, progress_bar=False,
                                      out_dir='')['predictions']
        return sample


def _note(parts: int, factor: float, size: tuple[int, int] | None) -> str | None:
    said = [f'in {parts} parts'] if parts > 1 else []
    if factor < _REDUCED:
        said.append(f'reduced to {size[0]} x {size[1]} pixels')
    return f'words were looked for in the picture {", ".join(said)}' if said else None


def build_detector(det: Any, weights: str | os.PathLike | None,
                   device: str | torch.device | None) -> Detector | None:
    """A function from a picture to what :func:`found_by` takes; None is no detector."""
    if det is None or (callable(det) and not isinstance(det, Config)):
        if weights is not None:
            raise ValueError('det_weights need det, a config or the name of a detector of MMOCR')
        return det
    if not isinstance(det, Config) and os.fspath(det).endswith('.onnx'):
        from .onnx_detector import ONNXDetector
        return ONNXDetector(det)
    return MMOCRDetector(det, weights, device)


def found_by(detector: Detector, image: np.ndarray) -> Found:
    """What a detector found, whatever of the allowed it returned."""
    result = detector(image)
    if isinstance(result, Found):
        return result
    if isinstance(result, tuple):
        if len(result) != 2 or len(result[0]) != len(result[1]):
            raise ValueError('a detector returns polygons, or polygons and as many scores, but '
                             f'returned a tuple of {len(result)}')
        return Found(result[0], [float(score) for score in result[1]])
    return Found(result)
