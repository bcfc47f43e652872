"""Packing of word images with their text masks."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.structures import PixelData
from mmocr.datasets.transforms import PackTextRecogInputs
from mmocr.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackGlyphInputs(PackTextRecogInputs):
    """``PackTextRecogInputs`` that packs text masks, several views and words without a label.

    ``inputs`` is the image (C, H, W) or, where ``img`` is a list of views of one word, a list of
    those. ``data_samples`` holds ``gt_text``, unless the word has no label; the meta information,
    with ``ori_text``, the label as annotated, where it was changed; and, where the results have
    ``gt_seg_map``, ``gt_text_mask``, a ``PixelData`` whose ``data`` is bool (1, H, W), True where
    the map is 1 (255, which mmcv's ``Pad`` fills in, is background). It belongs to the first view.
    """

    def __init__(self, meta_keys: Sequence[str] = ('img_path', 'ori_shape', 'img_shape',
                                                   'valid_ratio')) -> None:
        super().__init__(meta_keys=tuple(meta_keys))

    def transform(self, results: dict) -> dict:
        missing = [k for k in self.meta_keys if k not in results and k != 'valid_ratio']
        if missing:
            raise KeyError(f'{missing} of meta_keys are not in the results, which hold '
                           f'{sorted(results)}; load the image first, or change meta_keys')
        several = isinstance(results['img'], (list, tuple))
        views = list(results['img']) if several else [results['img']]
        if not views:
            raise ValueError('img is an empty list: at least one view is needed')
        packed, *others = (super(PackGlyphInputs, self).transform(dict(results, img=view))
                           for view in views)
        sample = packed['data_samples']
        if several:
            packed['inputs'] = [packed['inputs'], *(other['inputs'] for other in others)]
        if not results.get('gt_texts'):
            del sample.gt_text
        if results.get('gt_seg_map') is not None:
            mask = self._mask(results['gt_seg_map'], views[0].shape[:2])
            sample.gt_text_mask = PixelData(data=mask)
        if 'ori_text' in results:
            sample.set_metainfo({'ori_text': results['ori_text']})
        return packed

    @staticmethod
    def _mask(mask: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
        if mask.shape != tuple(size):
            raise ValueError(
                f'the text mask has the shape {mask.shape}, its image {tuple(size)} (height, '
                'width): a transform between TextMask and PackGlyphInputs changed the size of '
                'the image only. The order to use is: load, RandomTextGeometry, Resize (and '
                'padding), TextMask, RandomTextDeterioration, RandomTextColor, PackGlyphInputs')
        return torch.from_numpy(np.ascontiguousarray(mask == 1))[None]
