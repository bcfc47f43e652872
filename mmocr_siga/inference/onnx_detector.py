"""Find words with an exported detector, by onnxruntime and MMOCR's own postprocessing."""
from __future__ import annotations

import json
import os

import cv2
import numpy as np
import torch
from mmengine.structures import InstanceData
from mmocr.registry import MODELS, TRANSFORMS
from mmocr.structures import TextDetDataSample

from ..geometry.levels import Level, merge_levels, useful_reductions
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
        return self._padded(results['img'].astype(np.float32)), {
            key: results[key] for key in ('img_shape', 'scale_factor')}

    def text_map(self, picture: np.ndarray) -> np.ndarray:
        """How probably each pixel is one of a word: float32 (N, H, W) for :meth:`prepared` ones."""
        return self.session.run(['probabilities'], dict(pictures=picture))[0]

    def sample(self, image: np.ndarray) -> TextDetDataSample:
        picture, metainfo = self.prepared(image)
        reductions = useful_reductions(*picture.shape[1:3], self.metadata.get('reductions', ()))
        polygons, scores = merge_levels(
            [self._level(picture, metainfo['scale_factor'], reduction)
             for reduction in (1, *reductions)])
        return TextDetDataSample(metainfo=metainfo, pred_instances=InstanceData(
            polygons=polygons, scores=torch.tensor(scores)))

    def _level(self, picture: np.ndarray, scale_factor: tuple[float, float],
               reduction: int) -> Level:
        """What is found in a copy of a picture."""
        if reduction > 1:
            height, width = (side // reduction for side in picture.shape[1:3])
            small = cv2.resize(picture[0], (width, height), interpolation=cv2.INTER_AREA)
            picture = self._padded(small)
        factors = tuple(factor / reduction for factor in scale_factor)
        found, = self.postprocessor(
            torch.from_numpy(self.text_map(picture)),
            [TextDetDataSample(metainfo=dict(scale_factor=factors))])
        return Level(found.pred_instances.polygons, found.pred_instances.scores.tolist(),
                     min(factors))

    def _padded(self, image: np.ndarray) -> np.ndarray:
        divisor = self.metadata['size_divisor']
        return cv2.copyMakeBorder(
            image, 0, -image.shape[0] % divisor, 0, -image.shape[1] % divisor,
            cv2.BORDER_CONSTANT, value=self.metadata['mean'])[None]
