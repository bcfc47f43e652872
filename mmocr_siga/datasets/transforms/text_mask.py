"""Text mask pseudo-labels, made in the data pipeline."""
from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmocr.registry import TRANSFORMS

from ...images.two_means import two_means_mask_image

__all__ = ['TextMask', 'grey_image']


def grey_image(img: np.ndarray) -> np.ndarray:
    """Grey version of an image.

    Args:
        img (ndarray): Image of shape :math:`(H, W, 3)` in BGR order, :math:`(H, W)` or
            :math:`(H, W, 1)`, uint8, or floating point in [0, 255].

    Returns:
        ndarray: Image of shape :math:`(H, W)`, uint8 or float32.

    Raises:
        ValueError: If the shape or dtype is another or the image has no pixels.
    """
    if img.dtype != np.uint8:
        if not np.issubdtype(img.dtype, np.floating):
            raise ValueError(f'expected a uint8 or floating point image, but it is {img.dtype}; '
                             'put EnsureBGR after loading')
        img = img.astype(np.float32, copy=False)
    if img.size == 0 or img.ndim not in (2, 3) or (img.ndim == 3 and img.shape[2] not in (1, 3)):
        raise ValueError('expected an image with pixels, of shape (H, W), (H, W, 1) or (H, W, 3), '
                         f'but its shape is {img.shape}; put EnsureBGR after loading')
    if img.ndim == 2:
        return img
    return img[..., 0] if img.shape[2] == 1 else cv2.cvtColor(img, cv2.COLOR_BGR2GRAY)


@TRANSFORMS.register_module()
class TextMask(BaseTransform):
    """Make the text mask pseudo-label of a word image.

    Grey values are split by exact 2-means and the image border votes for the background, see
    :func:`mmocr_siga.models.pseudo_labels.functional.two_means_mask` (SIGA, section 3.1). Place
    it after everything that moves pixels (``RandomTextGeometry``, ``Resize``) and before
    everything that changes their values (``RandomTextDeterioration``, ``RandomTextColor``): the
    mask then fits the image by construction and is not disturbed by noise.

    Required Keys:

    - img (uint8 BGR or grey, or floating point in [0, 255])

    Added Keys:

    - gt_seg_map (uint8 of shape :math:`(H, W)`, 1 on text)
    """

    def transform(self, results: dict) -> dict:
        """Add ``gt_seg_map``.

        Args:
            results (dict): Results with ``img``.

        Returns:
            dict: The same with ``gt_seg_map``.

        Raises:
            KeyError: If there is no image.
            ValueError: If the image has another shape or dtype, see :func:`grey_image`.
        """
        grey = grey_image(results['img'])
        if grey.dtype != np.uint8:
            grey = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
        results['gt_seg_map'] = two_means_mask_image(grey).view(np.uint8)
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'
