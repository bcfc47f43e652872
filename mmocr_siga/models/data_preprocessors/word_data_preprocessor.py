from __future__ import annotations

from collections.abc import Sequence
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
    """MMOCR's ``TextRecogDataPreprocessor`` for all images at once.

    Arguments and results are the same, to the last bit. Here the batch is put together where it is,
    as bytes, and crosses over in one copy that nobody waits for; samples stay on the host, where
    their labels are read.
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
        if several and not all(map(_same_size, views)):
            raise ValueError('the images of a view differ in size: resize or pad them')
        batches = [self._batch(view) for view in views]
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

    def _batch(self, images: Sequence[Tensor] | Tensor) -> Tensor:
        if _same_size(images):
            stacked = images if isinstance(images, Tensor) else torch.stack(list(images))
            return self._padded(self._normalized(to_device(stacked, self.device)))
        sizes = torch.tensor([image.shape[-2:] for image in images])
        height, width = sizes.amax(0).tolist()
        stacked = torch.stack([F.pad(image, (0, width - image.shape[-1],
                                             0, height - image.shape[-2])) for image in images])
        batch = self._normalized(to_device(stacked, self.device))
        heights, widths = to_device(sizes, self.device).T[..., None]
        rows, columns = (torch.arange(side, device=self.device) for side in (height, width))
        inside = (rows < heights)[:, :, None] & (columns < widths)[:, None]
        return self._padded(batch.masked_fill(~inside[:, None], self.pad_value))

    def _normalized(self, images: Tensor) -> Tensor:
        if self._channel_conversion:
            images = images.flip(1)
        images = images.float()
        if self._enable_normalize:
            if len(self.mean) == 3 and images.shape[1] != 3:
                raise ValueError(f'mean has 3 values, but the images have {images.shape[1]} '
                                 'channels: give one value, or load the images in color')
            images = (images - self.mean) / self.std
        return images

    def _padded(self, images: Tensor) -> Tensor:
        height, width = (-size % self.pad_size_divisor for size in images.shape[-2:])
        if height or width:
            images = F.pad(images, (0, width, 0, height), value=self.pad_value)
        return images


def _same_size(images: Any) -> bool:
    return isinstance(images, Tensor) or len({image.shape for image in images}) == 1
