"""Text mask pseudo-labels, made in the data pipeline."""
from __future__ import annotations

import numpy as np
from mmocr.registry import TRANSFORMS

from ...images.two_means import two_means_mask_image
from .base import WordTransform
from .functional import gray_image


@TRANSFORMS.register_module()
class TextMask(WordTransform):
    """Make the text mask pseudo-label of a word image ``img``.

    Gray values are split by exact 2-means and the image border votes for the background, see
    :func:`mmocr_siga.models.pseudo_labels.functional.two_means_mask` (SIGA, section 3.1):
    ``gt_seg_map``, uint8 (H, W), 1 on text. Place it after everything that moves pixels and before
    everything that changes their values: the mask then fits the image by construction and is not
    disturbed by noise.
    """

    def transform(self, results: dict) -> dict:
        gray = gray_image(results['img'])
        if gray.dtype != np.uint8:
            gray = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
        results['gt_seg_map'] = two_means_mask_image(gray).view(np.uint8)
        return results
