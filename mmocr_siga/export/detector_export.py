"""Write text detectors to ONNX files for :class:`~mmocr_siga.apis.ONNXDetector`."""
from __future__ import annotations

import copy
import json
import os
from typing import Any

import torch
from mmengine.config import Config
from mmocr.models.textdet.detectors import SingleStageTextDetector
from mmocr.models.textdet.heads import DBHead
from torch import Tensor, nn

from ..inference.onnx_detector import DETECTOR_FORMAT
from ..inference.onnx_recognizer import FORMAT_KEY
from ..version import __version__
from .onnx_export import DEFAULT_OPSET, _onnx, _replaced

__all__ = ['export_detector']


def export_detector(model: SingleStageTextDetector, path: str | os.PathLike,
                    opset: int = DEFAULT_OPSET, name: str | None = None) -> dict[str, Any]:
    """Export a detector with a head like DBNet's, without its postprocessing.

    Input is ``pictures``, float32 (N, H, W, 3), BGR in [0, 255] as OpenCV gives them, padded by the
    mean; sides are any multiples of 32. Output is ``probabilities``, float32 (N, H, W), as the
    model's ``mode='tensor'``.

    Args:
        model: The detector, and its config as ``model.cfg`` (for the test pipeline, whose resizing
            must be ``FitScene``, and the postprocessor); not changed.
        path: A file that is there is replaced.
        opset: Version of the ONNX operators, 16 to 20.
        name: Name of the model in the metadata; None: its type.

    Returns:
        The metadata written: ``detector_format``, ``model``, ``resize``, ``mean``,
        ``size_divisor``, ``postprocessor``, ``reductions``.

    Raises:
        ImportError: If the package onnx is missing.
        TypeError: If the model is no such detector.
        ValueError: If the test pipeline cannot be met.
        OSError: If the file cannot be written.
    """
    onnx = _onnx()
    if not isinstance(model, SingleStageTextDetector) or not isinstance(model.det_head, DBHead):
        raise TypeError(f'{type(model).__name__} cannot be exported as a detector; MMOCR\'s DBNet '
                        'and its kin can')
    preprocessor = model.data_preprocessor
    metadata = dict(
        detector_format=DETECTOR_FORMAT, mmocr_siga_version=__version__,
        model=name or type(model).__name__, resize=_resizing(model.cfg),
        mean=_mean(preprocessor).tolist(), size_divisor=preprocessor.pad_size_divisor,
        postprocessor=model.cfg.model.det_head.postprocessor.to_dict(),
        reductions=list(getattr(model, 'reductions', ())), opset=opset)
    from .onnx_graph import _traced
    pictures = torch.randint(0, 256, (2, 64, 96, 3)).float()
    with _replaced(path) as partial:
        module = _Probabilities(copy.deepcopy(model).cpu().float().eval())
        axes = {name: {0: 'batch', 1: 'height', 2: 'width'}
                for name in ('pictures', 'probabilities')}
        graph = _traced(module, [pictures], ['pictures'], ['probabilities'], axes, opset)
        graph.producer_name, graph.producer_version = 'mmocr_siga', __version__
        onnx.helper.set_model_props(graph, {FORMAT_KEY: json.dumps(metadata)})
        onnx.save(graph, str(partial))
    return metadata


class _Probabilities(nn.Module):
    """From pictures to what each pixel is taken for."""

    def __init__(self, model: SingleStageTextDetector) -> None:
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor) -> Tensor:
        preprocessor = self.model.data_preprocessor
        inputs = pictures.permute(0, 3, 1, 2)
        if preprocessor._channel_conversion:
            inputs = inputs.flip(1)
        if preprocessor._enable_normalize:
            inputs = (inputs - preprocessor.mean) / preprocessor.std
        return self.model(inputs, mode='tensor')


def _mean(preprocessor: nn.Module) -> Tensor:
    """What becomes zero, in the order of the pictures' channels."""
    if not preprocessor._enable_normalize:
        return torch.zeros(3)
    mean = preprocessor.mean.flatten()
    return mean.flip(0) if preprocessor._channel_conversion else mean


def _resizing(cfg: Config) -> dict[str, Any]:
    """The transform of the test pipeline that resizes pictures."""
    found = [dict(step) for step in cfg.test_dataloader.dataset.pipeline
             if step['type'] not in ('LoadImageFromFile', 'InferencerLoader', 'LoadOCRAnnotations',
                                     'PackTextDetInputs')]
    if [step['type'] for step in found] != ['FitScene']:
        raise ValueError('the test pipeline of a detector to be exported must resize by FitScene '
                         f'alone, but has {found}')
    return found[0]
