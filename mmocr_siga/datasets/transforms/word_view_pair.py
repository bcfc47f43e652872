"""Two views of a word whose characters are known to be the same."""
from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from mmcv.transforms.utils import cache_randomness
from mmengine.dataset import Compose
from mmocr.registry import TRANSFORMS

from ...images.regions import (
    MAX_REGIONS,
    MIN_PIXELS,
    regions_of_mask,
    visible_regions,
    warp_region_labels,
)
from ...images.two_means import two_means_mask_image
from .base import WordTransform, check_arguments
from .functional import gray_image, warp
from .random_text_geometry import GeometryParams, asymmetric

# The reference's affine maps.
AFFINE = dict(scale=(0.6, 1.1), shift=0.02, rotation=10., shear=(45., 10.), distortion=0.)
# What is larger than the views by more than this loses pixels in a bilinear warp.
_SHRINK_FROM = 2
# Share of text from which a pixel of the other view is text, as in the reference.
_TEXT_SHARE = 0.1


@TRANSFORMS.register_module()
class WordViewPair(WordTransform):
    """Make a regular and an irregular view of a word, and number its characters in both (CCD).

    The text mask is that of the unchanged image (exact 2-means on its gray values and a vote of its
    border), and its components are the characters. Both views get photometry of their own; with
    probability ``prob`` the irregular one is warped about its middle, which carries its characters
    over, in one interpolation of the image as it was loaded; what it sees outside of it is black.

    Args:
        size: Width and height of the views.
        geometry: What is drawn evenly: ``scale``, least and greatest factor along each axis;
            ``shift``, the largest as a share of the sides; ``rotation``, the largest angle in
            degrees; ``shear``, the largest by which columns and rows lean; ``distortion``, the
            largest part of half the sides by which corners move inwards (beta(1, 4)), 0 for affine
            maps. What is left out is the reference's, :data:`AFFINE`.
        photometry: Transforms that change each view's ``img``, for example
            ``[dict(type='RandomTextPhotometry')]``.
        min_pixels, max_regions: See :func:`~mmocr_siga.images.regions.regions_of_mask`.
        min_visible: Share of a character's pixels that must stay in view for it to be a pair.

    Sets ``img``, the two views; ``gt_seg_map``, their text masks, uint8 (2, H, W);
    ``gt_regions``, uint8 (2, H, W), k on the k-th character; ``view_matrix``, float64 (3, 3), from
    continuous pixel coordinates of the regular view to those of the irregular one; ``gt_pairs``,
    the numbers k of the characters that are in both; ``img_shape``.
    """

    def __init__(self, size: tuple[int, int] = (128, 32), geometry: dict | None = None,
                 photometry: Sequence[dict] = (), prob: float = 0.7, min_pixels: int = MIN_PIXELS,
                 max_regions: int = MAX_REGIONS, min_visible: float = 0.5) -> None:
        unknown = set(geometry or ()) - set(AFFINE)
        if unknown:
            raise ValueError(f'geometry has {sorted(unknown)}, but knows {sorted(AFFINE)}')
        self.geometry = {**AFFINE, **(geometry or {})}
        scale, shear = self.geometry['scale'], self.geometry['shear']
        check_arguments(
            ('prob', prob, 0 <= prob <= 1, 'lie in [0, 1]'),
            ('size', size, min(size) >= 1, 'be positive'),
            ('scale', scale, 0 < scale[0] <= scale[1], 'be two positive factors in order'),
            ('shear', shear, min(shear) >= 0 and sum(shear) < 90,
             'be two angles of at least 0 degrees with a sum below 90'),
            ('distortion', self.geometry['distortion'], 0 <= self.geometry['distortion'] < 1,
             'lie in [0, 1)'),
            ('max_regions', max_regions, 1 <= max_regions <= 255, 'lie in [1, 255]'),
            ('min_visible', min_visible, 0 <= min_visible <= 1, 'lie in [0, 1]'))
        self.size, self.prob, self.min_visible = tuple(size), prob, min_visible
        self.min_pixels, self.max_regions = min_pixels, max_regions
        self.photometry = Compose(photometry)

    @cache_randomness
    def _draw(self) -> tuple[GeometryParams, np.ndarray] | None:
        """A map about the middle, and a shift as shares of the sides."""
        if np.random.rand() >= self.prob:
            return None
        uniform, g = np.random.uniform, self.geometry
        params = GeometryParams(
            uniform(-g['rotation'], g['rotation']), tuple(uniform(*g['scale'], 2)),
            tuple(uniform(-most, most) for most in g['shear']),
            asymmetric(g['distortion'], (4, 2)))
        return params, uniform(-g['shift'], g['shift'], 2)

    def regions(self, mask: np.ndarray) -> np.ndarray:
        """Characters of a text mask (H, W), numbered: uint8 (H, W)."""
        return regions_of_mask(mask, self.min_pixels, self.max_regions)

    def transform(self, results: dict) -> dict:
        img, drawn = results['img'], self._draw()
        mask = two_means_mask_image(gray_image(img)).view(np.uint8)
        mask = cv2.resize(255 * mask, self.size, interpolation=cv2.INTER_LINEAR)
        img = _shrunk(img, self.size)
        regular = cv2.resize(img, self.size, interpolation=cv2.INTER_LINEAR)
        to_view = np.diag([self.size[0] / img.shape[1], self.size[1] / img.shape[0], 1])
        matrix, irregular, masks = np.eye(3), regular, [mask >= 128] * 2
        labels = [self.regions(masks[0])] * 2
        if drawn is not None:
            moved = to_view @ about_middle(*drawn, *img.shape[1::-1])
            irregular = warp(img, moved, self.size, border=cv2.BORDER_CONSTANT)
            matrix = moved @ np.linalg.inv(to_view)
            shares = warp(255 * masks[0].view(np.uint8), matrix, self.size,
                          border=cv2.BORDER_CONSTANT)
            masks[1] = shares > _TEXT_SHARE * 255
            labels[1] = warp_region_labels(labels[0], matrix)
        results.update(
            img=[self.photometry(dict(img=view))['img'] for view in (regular, irregular)],
            img_shape=self.size[::-1], gt_seg_map=np.stack(masks).view(np.uint8),
            gt_regions=np.stack(labels), view_matrix=matrix,
            gt_pairs=visible_regions(*labels, matrix, self.min_visible))
        return results


def about_middle(params: GeometryParams, shift: np.ndarray, width: int,
                 height: int) -> np.ndarray:
    """The homography of an image whose middle moves by shares of its sides alone."""
    matrix, middle = params.matrix(width, height), np.array([width / 2, height / 2, 1])
    moved = matrix @ middle
    back = np.eye(3)
    back[:2, 2] = middle[:2] + shift * (width, height) - moved[:2] / moved[2]
    return back @ matrix


def _shrunk(img: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image at most twice as wide and high as the views, by averaging."""
    least = tuple(min(have, _SHRINK_FROM * want) for have, want in zip(img.shape[1::-1], size))
    return img if least == img.shape[1::-1] else cv2.resize(img, least,
                                                            interpolation=cv2.INTER_AREA)
