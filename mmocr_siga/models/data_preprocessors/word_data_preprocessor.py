from __future__ import annotations

from typing import Any

import torch
from mmengine.structures import BaseDataElement
from mmocr.models.textrecog.data_preprocessors import TextRecogDataPreprocessor
from mmocr.registry import MODELS
from torch import Tensor
from torch.nn import functional as F

from ..layers.targets import to_device


@MODELS.register_module()
class WordDataPreprocessor(TextRecogDataPreprocessor):
    """MMOCR's ``TextRecogDataPreprocessor`` for images of one size, all of them at once.

    The result is the same to the last bit. MMOCR's sends every image to the device by itself, waits
    for it, and normalises it by itself: for a batch of 256, some two thousand small calls. Here the
    batch is stacked where it is, as bytes, and crosses over in one copy that nobody waits for.
    Samples stay on the host: their labels are read there, and their text masks are stacked by
    whoever needs them. Images of several sizes go MMOCR's way.

    Arguments are those of MMOCR's class.
    """

    def cast_data(self, data: Any) -> Any:
        """As MMEngine's, but samples stay where they are."""
        return data if isinstance(data, BaseDataElement) else super().cast_data(data)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Stack, normalise and pad the images of a batch.

        Args:
            data (dict): ``inputs``: (C, H, W) tensors, or one of (N, C, H, W); ``data_samples``.
            training (bool): Whether to apply ``batch_augments``. Defaults to False.

        Returns:
            dict: ``inputs`` (N, C, H', W') float32 and ``data_samples``.
        """
        images = data['inputs']
        if not isinstance(images, Tensor):
            if len({(image.shape, image.dtype) for image in images}) != 1:
                return super().forward(data, training)
            images = torch.stack(list(images))
        images = self._normalised(to_device(images, self.device))
        samples = data['data_samples']
        for sample in samples or ():
            ratio = sample.valid_ratio * sample.img_shape[1] / images.shape[-1]
            sample.set_metainfo(dict(valid_ratio=ratio, batch_input_shape=tuple(images.shape[-2:])))
        if training and self.batch_augments is not None:
            for augment in self.batch_augments:
                images, samples = augment(images, samples)
        return dict(data, inputs=images, data_samples=samples)

    def _normalised(self, images: Tensor) -> Tensor:
        if self._channel_conversion:
            images = images.flip(1)
        images = images.float()
        if self._enable_normalize:
            if len(self.mean) == 3 and images.shape[1] != 3:
                raise ValueError(f'mean has 3 values, but the images have {images.shape[1]} '
                                 'channels: give one value, or load the images in colour')
            images = (images - self.mean) / self.std
        height, width = (-size % self.pad_size_divisor for size in images.shape[-2:])
        if height or width:
            images = F.pad(images, (0, width, 0, height), value=self.pad_value)
        return images
