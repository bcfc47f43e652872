"""How near a picture is to the true one: PSNR and SSIM, as pure functions."""
from __future__ import annotations

import cv2
import numpy as np

__all__ = ['MOST_PSNR', 'psnr', 'ssim']

MOST_PSNR = 60.0  # dB; of pictures that are equal, too
_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_LUMA = np.array([0.114, 0.587, 0.299])  # of BGR, by ITU-R BT.601


def psnr(image: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio of a picture in dB, at most :data:`MOST_PSNR`.

    Pictures are (H, W) or (H, W, C) of one shape, of values in [0, 255]. With ``mask``, (H, W), its
    pixels alone count; NaN if there are none. A ValueError for other shapes.
    """
    image, truth = _pair(image, truth)
    squares = (image - truth) ** 2
    if mask is not None:
        if np.shape(mask) != image.shape[:2]:
            raise ValueError(f'the mask must have the shape {image.shape[:2]}, but has '
                             f'{np.shape(mask)}')
        squares = squares[np.asarray(mask, bool)]
    if squares.size == 0:
        return float('nan')
    error = squares.mean() / 255 ** 2
    return min(MOST_PSNR, float(-10 * np.log10(error))) if error > 0 else MOST_PSNR


def ssim(image: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity of a picture, in gray: at most 1, of equal ones.

    A Gaussian window of 11 x 11, sigma 1.5, constants 0.01 and 0.03; the mean over the windows that
    lie within. Pictures as for :func:`psnr`, three channels are BGR. A ValueError for pictures that
    are less than 11 pixels wide or high.

    Source: Wang, Bovik, Sheikh, Simoncelli, IEEE TIP 13 (2004).
    """
    x, y = (each @ _LUMA if each.ndim == 3 else each for each in _pair(image, truth))
    if min(x.shape) < _WINDOW:
        raise ValueError(f'SSIM needs {_WINDOW} x {_WINDOW} pixels, but got {x.shape}')
    mean_x, mean_y = _windowed(x), _windowed(y)
    var_x = _windowed(x * x) - mean_x ** 2
    var_y = _windowed(y * y) - mean_y ** 2
    covariance = _windowed(x * y) - mean_x * mean_y
    value = ((2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
             / ((mean_x ** 2 + mean_y ** 2 + _C1) * (var_x + var_y + _C2)))
    return float(value.mean())


def _windowed(values: np.ndarray) -> np.ndarray:
    """Means of all windows that lie within."""
    margin = _WINDOW // 2
    blurred = cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA)
    return blurred[margin:-margin, margin:-margin]


def _pair(image: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image, truth = np.asarray(image, np.float64), np.asarray(truth, np.float64)
    if image.shape != truth.shape or image.ndim not in (2, 3):
        raise ValueError('two pictures of one shape are compared, (H, W) or (H, W, C), but these '
                         f'have {image.shape} and {truth.shape}')
    return image, truth
