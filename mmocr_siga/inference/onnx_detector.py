"""Find words with an exported detector, by onnxruntime and MMOCR's own postprocessing."""
from __future__ import annotations

import json
import os

import cv2
import numpy as np
import torch
from mmocr.registry import MODELS, TRANSFORMS
from mmocr.structures import TextDetDataSample

from .onnx_recognizer import FORMAT_KEY, _session
from .pipelines import mmocr_scope
from .tiled_detector import TiledDetector

__all__ = ['DETECTOR_FORMAT', 'ONNXDetector']

DETECTOR_FORMAT = 1


class ONNXDetector(TiledDetector):
    """A text detector exported by ``tools/checkpoints/export_detector.py``.

    Args:
        path: The ONNX file.
        threads: Threads that compute; None for all cores.

    Raises:
        ImportError: If onnxruntime is missing.
        FileNotFoundError: If there is no such file.
        ValueError: If it is no ONNX file, or not one that was exported for this.

    Example:
        >>> spot = SceneInferencer(det=ONNXDetector('dbnet_words.onnx'))
    """

    def __init__(self, path: str | os.PathLike, threads: int | None = None) -> None:
        self.path = os.path.abspath(path)
        self.session = _session(self.path, threads, None)
        text = self.session.get_modelmeta().custom_metadata_map.get(FORMAT_KEY, '{}')
        self.metadata = json.loads(text)
        if self.metadata.get('detector_format') != DETECTOR_FORMAT:
            raise ValueError(f'{self.path} is no detector of format {DETECTOR_FORMAT}: '
                             'export one by tools/checkpoints/export_detector.py')
        with mmocr_scope():
            self.resize = TRANSFORMS.build(self.metadata['resize'])
            self.postprocessor = MODELS.build(self.metadata['postprocessor'])

    def prepared(self, image: np.ndarray) -> tuple[np.ndarray, dict]:
        """A picture as the graph takes it, float32 (1, H, W, 3), its sides multiples of 32; and
        ``img_shape`` and ``scale_factor`` of it before it was padded."""
        results = self.resize.transform(dict(img=image))
        height, width = results['img_shape']
        divisor, mean = self.metadata['size_divisor'], self.metadata['mean']
        padded = cv2.copyMakeBorder(
            results['img'].astype(np.float32), 0, -height % divisor, 0, -width % divisor,
            cv2.BORDER_CONSTANT, value=mean)
        return padded[None], {key: results[key] for key in ('img_shape', 'scale_factor')}

    def text_map(self, picture: np.ndarray) -> np.ndarray:
        """How probably each pixel is one of a word: float32 (N, H, W) for :meth:`prepared` ones."""
        return self.session.run(['probabilities'], dict(pictures=picture))[0]

    def sample(self, image: np.ndarray) -> TextDetDataSample:
        picture, metainfo = self.prepared(image)
        maps = torch.from_numpy(self.text_map(picture))
        return self.postprocessor(maps, [TextDetDataSample(metainfo=metainfo)])[0]
