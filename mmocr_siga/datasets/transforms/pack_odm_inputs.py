"""Packing of scenes with their prompt and their plain drawing."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from mmengine.structures import InstanceData, LabelData, PixelData
from mmocr.datasets.transforms import PackTextDetInputs
from mmocr.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PackODMInputs(PackTextDetInputs):
    """``PackTextDetInputs`` with what ``TextPrompt`` and ``DestyledLabel`` have added.

    Samples get ``prompt``, with its ``texts`` and whether each is one of the ``decoys``;
    ``gt_plain``, a ``PixelData`` of ``ink`` and ``seg``, uint8 (1, H, W), and ``dropped``, bool
    (1, H, W), see ``DestyledLabel``; ``drawn``, with the ``borders`` (R, 2, K, 2) of the words
    drawn; and the number ``words_left_out``. For pictures without labels there is the prompt alone.
    """

    mapping_table = {**PackTextDetInputs.mapping_table, 'gt_dropped': 'dropped'}

    def __init__(self, meta_keys: Sequence[str] = ('img_path', 'ori_shape', 'img_shape')) -> None:
        super().__init__(meta_keys=tuple(meta_keys))

    def transform(self, results: dict) -> dict:
        if 'prompt_texts' not in results:
            raise KeyError('there is no prompt: put TextPrompt before PackODMInputs (with prob=0 '
                           'it asks for all words)')
        packed = super().transform(results)
        sample = packed['data_samples']
        sample.set_metainfo(dict(words_left_out=results.get('words_left_out', 0)))
        sample.prompt = LabelData(texts=list(results['prompt_texts']),
                                  decoys=[word < 0 for word in results['prompt_words']])
        if 'gt_ink' in results:
            shapes = {results[key].shape for key in ('gt_ink', 'gt_seg_map', 'gt_dropped_map')}
            if shapes != {results['img'].shape[:2]}:
                raise ValueError(f'the drawing has the shape {shapes}, its picture '
                                 f'{results["img"].shape[:2]}: draw (DestyledLabel) behind what '
                                 'changes the size of the picture')
            ink, seg, dropped = (
                torch.from_numpy(np.ascontiguousarray(results[key]))[None]
                for key in ('gt_ink', 'gt_seg_map', 'gt_dropped_map'))
            sample.gt_plain = PixelData(ink=ink, seg=seg, dropped=dropped)
            sample.drawn = InstanceData(borders=torch.from_numpy(results['gt_borders']))
        return packed
