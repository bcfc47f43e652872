"""Random loss of quality of word images."""
from __future__ import annotations

import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmocr.registry import TRANSFORMS

from .base import WordTransform, check_arguments
from .functional import check_uint8, gaussian_noise, motion_blur, rescale_and_back
from .random_text_geometry import asymmetric


@TRANSFORMS.register_module()
class RandomTextDeterioration(WordTransform):
    """Blur a word image ``img`` by motion, lower its resolution and add noise.

    With probability ``prob`` all of it is done, in the order in which a camera would, as ABINet and
    PARSeq do. Magnitudes are upper bounds, drawn from beta(1, 4): a fifth of them on average. Place
    it after ``Resize`` and ``TextMask``: lengths are in pixels of the image it gets.

    Args:
        blur: Largest length of the motion in pixels.
        rescale: Largest factor by which the sides are shrunk, at least 1.
        noise_var: Largest variance of the noise in gray levels.
    """

    def __init__(self, prob: float = 0.25, blur: float = 6., rescale: float = 4.,
                 noise_var: float = 20.) -> None:
        check_arguments(
            ('prob', prob, 0 <= prob <= 1, 'lie in [0, 1]'),
            ('blur', blur, blur >= 0, 'not be negative'),
            ('noise_var', noise_var, noise_var >= 0, 'not be negative'),
            ('rescale', rescale, rescale >= 1, 'be at least 1'))
        self.prob, self.blur, self.rescale, self.noise_var = prob, blur, rescale, noise_var

    @cache_randomness
    def _draw(self) -> dict[str, float] | None:
        if np.random.rand() >= self.prob:
            return None
        return dict(
            blur=asymmetric(self.blur),
            angle=np.random.uniform(0, 180),
            rescale=1 + asymmetric(self.rescale - 1),
            noise_std=asymmetric(self.noise_var)**0.5,
            seed=np.random.randint(2**31))

    def transform(self, results: dict) -> dict:
        params = self._draw()
        if params is None:
            return results
        img = check_uint8(results['img'])
        # Below half a pixel there is nothing to see.
        if params['blur'] >= 0.5:
            img = motion_blur(img, params['blur'], params['angle'])
        if params['rescale'] > 1:
            img = rescale_and_back(img, params['rescale'])
        if params['noise_std'] > 0:
            img = gaussian_noise(img, params['noise_std'], params['seed'])
        results['img'] = img
        return results
