"""Text detectors as functions from a picture to outlines of words."""
from __future__ import annotations

import os
from typing import Any, Callable

import numpy as np
import torch
from mmengine.config import Config
from mmocr.apis import TextDetInferencer
from mmocr.structures import TextDetDataSample

from .onnx_detector import ONNXDetector
from .packaged import find_packaged
from .pipelines import mmocr_scope
from .tiled_detector import Found, TiledDetector

__all__ = ['DEFAULT_DETECTOR', 'Detector', 'MMOCRDetector', 'build_detector', 'found_by']

DEFAULT_DETECTOR = 'dbnet_words'
Detector = Callable[[np.ndarray], Any]


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


def build_detector(det: Any, weights: str | os.PathLike | None,
                   device: str | torch.device | None) -> Detector | None:
    """A function from a picture to what :func:`found_by` takes; None is no detector."""
    if det is None or (callable(det) and not isinstance(det, Config)):
        if weights is not None:
            raise ValueError('det_weights need det, a config or the name of a detector of MMOCR')
        return det
    if not isinstance(det, Config) and os.fspath(det).endswith('.onnx'):
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
