"""Packing of two views of a word."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmocr.registry import TRANSFORMS
from mmocr.structures import TextRecogDataSample


@TRANSFORMS.register_module()
class PackWordViews(BaseTransform):
    """Pack what :class:`WordViewPair` makes, for :class:`.WordViewsPreprocessor`.

    ``inputs`` is uint8 (2, C, H, W), the regular view first. ``data_samples`` holds, both views
    each, ``gt_text_mask``, bool (2, H, W), and ``gt_regions``, uint8 (2, H, W); ``gt_pairs``, int64
    (P,), numbers of the characters that are in both; and as meta information ``view_matrix``
    (3, 3) and ``meta_keys``. Labels are left behind.
    """

    def __init__(self, meta_keys: Sequence[str] = ('img_path', 'ori_shape', 'img_shape')) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        if 'gt_regions' not in results:
            raise KeyError('there is one view only: put WordViewPair before PackWordViews')
        views = np.stack(results['img']).transpose(0, 3, 1, 2)
        sample = TextRecogDataSample()
        sample.gt_text_mask = PixelData(data=torch.from_numpy(results['gt_seg_map']).bool())
        sample.gt_regions = PixelData(data=torch.from_numpy(results['gt_regions']))
        sample.gt_pairs = torch.from_numpy(results['gt_pairs'])
        sample.set_metainfo({key: results.get(key) for key in self.meta_keys})
        sample.set_metainfo(dict(view_matrix=results['view_matrix'], valid_ratio=1.))
        return dict(inputs=torch.from_numpy(np.ascontiguousarray(views)), data_samples=sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
