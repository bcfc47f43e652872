"""Any image array to uint8 BGR."""
from __future__ import annotations

from mmcv.transforms import BaseTransform
from mmocr.registry import TRANSFORMS

from ...images import UnusableImageError, to_bgr_uint8
from ..errors import sample_name

__all__ = ['EnsureBGR', 'to_bgr_uint8']


@TRANSFORMS.register_module()
class EnsureBGR(BaseTransform):
    """Turn the loaded image into uint8 BGR, whatever it was.

    Files are decoded to that by the loaders; arrays given to an inferencer are passed on as they
    are. See :func:`to_bgr_uint8` for what is done to grey, 16-bit, floating point and transparent
    images. Place it right after loading, in training and in testing.

    Required Keys:

    - img

    Modified Keys:

    - img (uint8 of shape :math:`(H, W, 3)`)
    - img_shape
    """

    def transform(self, results: dict) -> dict:
        """Convert ``img``.

        Args:
            results (dict): Results with ``img``.

        Returns:
            dict: The same with the image converted.

        Raises:
            UnusableImageError: If it cannot be converted; names the image and what is wrong.
        """
        try:
            img = to_bgr_uint8(results['img'])
        except UnusableImageError as error:
            raise UnusableImageError(f'cannot use the image {sample_name(results)}: {error}'
                                     ) from None
        results['img'] = img
        results['img_shape'] = img.shape[:2]
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}()'
