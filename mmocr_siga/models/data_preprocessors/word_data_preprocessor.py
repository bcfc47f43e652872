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

    Arguments and results are the same, to the last bit. Here the batch is stacked where it is, as
    bytes, and crosses over in one copy that nobody waits for; samples stay on the host, where their
    labels are read. Images of several sizes go MMOCR's way.
    """

    def cast_data(self, data: Any) -> Any:
        return data if isinstance(data, BaseDataElement) else super().cast_data(data)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Stack, normalize and pad the images of a batch.

        Args:
            data: ``inputs``: N tensors (C, H, W), or one of (N, C, H, W), or, of words of which
                there are V views, a list of V of these, as a loader collates them;
                ``data_samples``, whose meta information is that of the first view.

        Returns:
            dict: ``inputs`` (N, C, H', W') float32, or a list of V of them, and ``data_samples``.
        """
        inputs, samples = data['inputs'], data['data_samples']
        several = not isinstance(inputs, Tensor) and isinstance(inputs[0], (list, tuple))
        views = list(inputs) if several else [inputs]
        if not all(map(_same_size, views)):
            if several:
                raise ValueError('the images of a view differ in size: resize or pad them')
            return super().forward(data, training)
        batches = [self._normalized(to_device(
            view if isinstance(view, Tensor) else torch.stack(list(view)), self.device))
            for view in views]
        size = batches[0].shape[-2:]
        for sample in samples or ():
            ratio = sample.valid_ratio * sample.img_shape[1] / size[1]
            sample.set_metainfo(dict(valid_ratio=ratio, batch_input_shape=tuple(size)))
        if training and self.batch_augments is not None:
            if several:
                raise ValueError('batch_augments take one view of a word, not several')
            for augment in self.batch_augments:
                batches[0], samples = augment(batches[0], samples)
        return dict(data, inputs=batches if several else batches[0], data_samples=samples)

    def _normalized(self, images: Tensor) -> Tensor:
        if self._channel_conversion:
            images = images.flip(1)
        images = images.float()
        if self._enable_normalize:
            if len(self.mean) == 3 and images.shape[1] != 3:
                raise ValueError(f'mean has 3 values, but the images have {images.shape[1]} '
                                 'channels: give one value, or load the images in color')
            images = (images - self.mean) / self.std
        height, width = (-size % self.pad_size_divisor for size in images.shape[-2:])
        if height or width:
            images = F.pad(images, (0, width, 0, height), value=self.pad_value)
        return images


def _same_size(images: Any) -> bool:
    return isinstance(images, Tensor) or len({(i.shape, i.dtype) for i in images}) == 1
