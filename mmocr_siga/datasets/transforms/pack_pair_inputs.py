"""Packing of pairs of words in one style."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from mmcv.image import imresize
from mmengine.structures import LabelData, PixelData
from mmocr.registry import TRANSFORMS
from mmocr.structures import TextRecogDataSample

from .base import WordTransform, check_arguments


@TRANSFORMS.register_module()
class PackPairInputs(WordTransform):
    """Resize and pack what :class:`.RenderedPairDataset` makes.

    All pictures and masks are resized alike, so that they still lie on each other. ``inputs`` is
    uint8 (3, C, H, W): the first word, the second and the background. ``data_samples`` holds
    ``gt_text`` and ``gt_text_pair``, ``gt_text_mask``, bool (2, H, W), True on the text of either
    word, and as meta information ``drawn_texts``, ``style_id`` and ``meta_keys``.

    Args:
        size: Width and height; None leaves the size as it is.
        interpolation: Of the pictures, as mmcv names it.
    """

    def __init__(self, size: tuple[int, int] | None = (128, 32), interpolation: str = 'bicubic',
                 meta_keys: Sequence[str] = ('img_path', 'ori_shape', 'img_shape')) -> None:
        check_arguments(('size', size, size is None or (len(size) == 2 and min(size) >= 1),
                         'be a width and a height'))
        self.size = size and tuple(size)
        self.interpolation, self.meta_keys = interpolation, tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        if 'img_pair' not in results:
            raise KeyError(f'there is one word only: {sorted(results)}; pairs come from '
                           'RenderedPairDataset')
        images = [results[name] for name in ('img', 'img_pair', 'img_background')]
        masks = [results[name] for name in ('gt_seg_map', 'gt_seg_map_pair')]
        shapes = {picture.shape[:2] for picture in images + masks}
        if len(shapes) > 1:
            raise ValueError('pictures and masks of a pair differ in size: '
                             f'{sorted(shapes)}; use no transform that resizes one of them alone')
        size = self.size or images[0].shape[1::-1]
        images = [imresize(image, size, interpolation=self.interpolation) for image in images]
        texts = [results[name][0]['text'] for name in ('instances', 'instances_pair')]
        sample = TextRecogDataSample(gt_text=LabelData(item=texts[0]),
                                     gt_text_pair=LabelData(item=texts[1]))
        sample.gt_text_mask = PixelData(
            data=torch.from_numpy(np.stack([_resized_mask(mask, size) for mask in masks])))
        results = dict(results, img_shape=size[::-1], valid_ratio=1.)
        sample.set_metainfo({key: results.get(key) for key in (
            *self.meta_keys, 'drawn_texts', 'style_id', 'valid_ratio')})
        inputs = np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2))
        return dict(inputs=torch.from_numpy(inputs), data_samples=sample)


def _resized_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """True where at least one half of a pixel is text."""
    if mask.shape[::-1] == tuple(size):
        return mask == 1
    how = cv2.INTER_AREA if size[1] < mask.shape[0] else cv2.INTER_LINEAR
    return cv2.resize((mask == 1).astype(np.float32), tuple(size), interpolation=how) >= 0.5
