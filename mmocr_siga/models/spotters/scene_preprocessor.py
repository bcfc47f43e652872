from __future__ import annotations

from typing import Any

from mmengine.structures import PixelData
from mmocr.models.textdet.data_preprocessors import TextDetDataPreprocessor
from mmocr.registry import MODELS

from ..target_generators.text_masks import gray_images


@MODELS.register_module()
class ScenePreprocessor(TextDetDataPreprocessor):
    """``TextDetDataPreprocessor`` that leaves the samples their pictures in gray while training,
    for :class:`SIGARoIHead`: ``gray_picture``, whose ``data`` is float32 (1, H, W) in [0, 255],
    padded as the batch."""

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        data = super().forward(data, training)
        if training and data['data_samples'] is not None:
            for picture, sample in zip(gray_images(data['inputs'], self), data['data_samples']):
                sample.gray_picture = PixelData(data=picture[None])
        return data
