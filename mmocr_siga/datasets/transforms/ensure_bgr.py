"""Any image array to uint8 BGR."""
from __future__ import annotations

from mmocr.registry import TRANSFORMS

from ...images import UnusableImageError, to_bgr_uint8
from .base import WordTransform, sample_name


@TRANSFORMS.register_module()
class EnsureBGR(WordTransform):
    """Turn ``img`` into uint8 BGR (H, W, 3), whatever it was; changes ``img_shape`` too.

    Files are decoded to that by the loaders; arrays given to an inferencer are passed on as they
    are. See :func:`~mmocr_siga.images.to_bgr_uint8` for what is done to them. Place it right after
    loading. An UnusableImageError names an image that cannot be converted.
    """

    def transform(self, results: dict) -> dict:
        try:
            results['img'] = to_bgr_uint8(results['img'])
        except UnusableImageError as error:
            raise UnusableImageError(f'cannot use the image {sample_name(results)}: {error}'
                                     ) from None
        results['img_shape'] = results['img'].shape[:2]
        return results
