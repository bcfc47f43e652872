from __future__ import annotations

import cv2
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmocr.registry import TRANSFORMS

from ...rendering.plain import draw_plain_in_box


@TRANSFORMS.register_module()
class GlyphPrompts(BaseTransform):
    """Draw the texts of a packed pair in one plain face, each in the box around its ink: what
    ``GlyphPromptEncoder`` reads.

    It comes behind ``PackPairInputs``. Samples get ``gt_prompts``, a ``PixelData`` whose ``data``
    is uint8 (2, H, W), 255 where a pixel is covered. A pair of which the face cannot draw a text is
    left out (None), and counted by the data set.
    """

    def transform(self, results: dict) -> dict | None:
        if 'data_samples' not in results:
            raise KeyError('there is no packed pair: put GlyphPrompts behind PackPairInputs')
        sample = results['data_samples']
        try:
            drawn = [draw_plain_in_box(mask.shape, _box(mask), text) for text, mask in zip(
                sample.drawn_texts, sample.gt_text_mask.data.numpy())]
        except ValueError:
            return None
        sample.gt_prompts = PixelData(data=torch.from_numpy(np.stack(drawn)))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return left, top, left + width, top + height
