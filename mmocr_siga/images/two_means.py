"""Text against background by exact 2-means on gray values, for a single image.

What is said in :mod:`mmocr_siga.models.pseudo_labels.functional` of a batch on a device holds here:
both share :func:`separation` and :func:`dark_is_text`, which take arrays of either kind.
"""
from __future__ import annotations

from typing import Any

import numpy as np

_LEVELS = np.arange(256, dtype=np.float64)


def two_means_mask_image(gray: np.ndarray) -> np.ndarray:
    """Text mask of a gray image, uint8 (H, W): ``two_means_mask`` of a single image in NumPy.

    The same clusters and the same vote by the same arithmetic, for data pipelines: on arrays of
    this size the fixed cost of each operator is what counts, and NumPy's is a quarter. bool (H, W),
    True on text.

    Raises:
        ValueError: If ``gray`` has another shape or dtype, or no pixels.

    Source: SIGA, section 3.1 (text mask by K-means, K = 2).
    """
    if gray.ndim != 2 or gray.dtype != np.uint8 or gray.size == 0:
        raise ValueError('gray must be uint8 of shape (H, W) with pixels in it, but is '
                         f'{gray.dtype} of shape {gray.shape}')
    histogram = np.bincount(gray.ravel(), minlength=256).astype(np.float64)
    below = histogram.cumsum()
    score, size = separation(below, (histogram * _LEVELS).cumsum())
    threshold = int(score.argmax())
    bright = gray > threshold
    h, w = max(2, gray.shape[0]), max(2, gray.shape[1])
    border = bright if bright.shape == (h, w) else np.broadcast_to(bright, (h, w))
    count = np.count_nonzero
    leads = sorted((2 * count(border[0]) - w, 2 * count(border[-1]) - w,
                    2 * count(border[:, 0]) - h, 2 * count(border[:, -1]) - h))
    corners = 4 - 2 * count(border[::h - 1, ::w - 1])
    flip = dark_is_text(leads[1], leads[2], sum(leads) + corners, size[0] - 2 * below[threshold])
    return ~bright if flip else bright


def separation(below: Any, below_sum: Any) -> tuple[Any, Any]:
    """Weighted between-cluster variances of the 256 thresholds, and the number of pixels.

    ``below`` are the pixels up to each level, float64 (..., 256), ``below_sum`` their sum: integers
    that a float64 holds exactly (up to 5.9 million pixels), so that the result depends on neither
    the order of summation nor the device.
    """
    size, total = below[..., -1:], below_sum[..., -1:]
    gap = below_sum * size - below * total
    spread = below * (size - below)
    # Where all pixels are on one side the gap is 0 too; any other spread is at least 1, which
    # the summand is too small to change.
    return gap * gap / (spread + 1e-300), size


def dark_is_text(second: Any, third: Any, border_lead: Any, size_lead: Any) -> Any:
    """The vote of the image's border.

    A lead is the number of bright pixels less the number of dark ones, on the whole border or the
    image. If the second smallest of the four borders' is positive, bright has three votes; if the
    third is negative, dark has. An image of one level has all votes for its only cluster, which
    leaves the empty one as text.
    """
    lead = (border_lead > 0) | ((border_lead == 0) & (size_lead > 0))
    return (second > 0) | ((third >= 0) & lead)
