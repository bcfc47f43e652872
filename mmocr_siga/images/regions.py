"""Regions of characters in a text mask, for a single image.

What :mod:`mmocr_siga.models.pseudo_labels.functional` does for a batch on a device, with the same
results. Points are (x, y) in continuous coordinates: pixel (0, 0) has its center at (0.5, 0.5).
"""
from __future__ import annotations

import cv2
import numpy as np

__all__ = ['MAX_REGIONS', 'MIN_PIXELS', 'regions_of_mask', 'visible_regions', 'warp_region_labels']

# Of a mask of 32 x 128.
MIN_PIXELS, MAX_REGIONS = 30, 26


def regions_of_mask(mask: np.ndarray, min_pixels: int = MIN_PIXELS,
                    max_regions: int = MAX_REGIONS) -> np.ndarray:
    """Number the 8-connected components of a text mask from left to right (CCD, ICCV 2023).

    Components of fewer than ``min_pixels`` are dropped, the others ordered by their mean x (among
    equals by their first pixel, row by row), and the ``max_regions`` leftmost kept.

    Args:
        mask: bool or uint8 (H, W), 0 on background.

    Returns uint8 (H, W): 0 for none, k for the k-th region.
    """
    mask = np.ascontiguousarray(mask, np.uint8)
    count, labels, stats, centers = cv2.connectedComponentsWithStats(mask, connectivity=8)
    pixels = labels.size
    first = np.empty(count, np.int64)
    first[labels.ravel()[::-1]] = np.arange(pixels - 1, -1, -1)  # of equal indices the last holds
    kept = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= min_pixels)
    kept = kept[np.lexsort((first[kept], centers[kept, 0]))][:max_regions]
    numbers = np.zeros(count, np.uint8)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[labels]


def region_boxes(labels: np.ndarray, count: int) -> np.ndarray:
    """Boxes around the values 1 to ``count`` of a map (H, W) of whole numbers, int32 (count, 4): x,
    y, width, height in pixels; zeros for a value that it lacks."""
    boxes = [cv2.boundingRect((labels == k + 1).view(np.uint8)) for k in range(count)]
    return np.array(boxes, np.int32).reshape(-1, 4)


def warp_region_labels(labels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Labels (H, W) carried over by a homography (3, 3), to the nearest pixel; 0 outside."""
    height, width = labels.shape
    x, y = _moved(*_pixel_centers(height, width), np.linalg.inv(matrix))
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    out = np.zeros(labels.size, labels.dtype)
    out[inside] = labels[y[inside].astype(np.intp), x[inside].astype(np.intp)]
    return out.reshape(height, width)


def visible_regions(labels: np.ndarray, warped: np.ndarray, matrix: np.ndarray,
                    min_visible: float = 0.5) -> np.ndarray:
    """Numbers k of the regions that are in both views: of whose pixels at least a share of
    ``min_visible`` stays in view, and of which ``warped`` has a pixel; int64, ascending."""
    count = int(labels.max(initial=0)) + 1
    y, x = np.nonzero(labels)
    height, width = labels.shape
    numbers = labels[y, x]
    x, y = _moved(x + 0.5, y + 0.5, matrix)
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    total = np.bincount(numbers, minlength=count)
    kept = np.bincount(numbers[inside], minlength=count) >= min_visible * total
    there = np.bincount(warped.ravel(), minlength=count)[:count] > 0
    return 1 + np.flatnonzero((kept & there)[1:])


def _pixel_centers(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.divmod(np.arange(height * width), width)
    return x + 0.5, y + 0.5


def _moved(x: np.ndarray, y: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points under a homography."""
    (a, b, c), (d, e, f), (g, h, i) = np.asarray(matrix, np.float64)
    scale = g * x + h * y + i
    return (a * x + b * y + c) / scale, (d * x + e * y + f) / scale
