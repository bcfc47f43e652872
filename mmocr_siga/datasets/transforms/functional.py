"""Augmentation of word images as pure functions of their parameters.

Letters: (H, W) image height and width, C channels. Images are uint8 of shape (H, W), (H, W, 1) or
(H, W, 3), in BGR order, unless something else is said, and keep their shape. Points are (x, y) in
continuous image coordinates: the image covers [0, W] x [0, H], pixel (0, 0) has its center at
(0.5, 0.5).
"""
from __future__ import annotations

import math

import cv2
import numpy as np
from scipy.linalg import block_diag

from ...images import UnusableImageError
from ...images.motion import motion_kernel

# cv2.remap, which warps, addresses pixels with signed 16-bit integers.
_MAX_SIDE = 32766
# Gray of BGR, ITU-R BT.601.
_GREY = np.array([.114, .587, .299])


def check_uint8(img: np.ndarray, colored: bool = False) -> np.ndarray:
    """The image itself, or a ValueError if photometric transforms do not take it; gray ones are
    none of those that need a ``colored`` one."""
    channels = ((3, ), ) if colored else ((), (1, ), (3, ))
    if img.dtype != np.uint8 or img.ndim not in (2, 3) or img.shape[2:] not in channels:
        raise ValueError(f'expected a uint8 image with {"" if colored else "one or "}three channels'
                         f', but its shape is {img.shape} and its dtype {img.dtype}; put EnsureBGR '
                         'after loading')
    return img


def gray_image(img: np.ndarray) -> np.ndarray:
    """Gray version, uint8 or float32 (H, W), of an image, uint8 or floating point in [0, 255], or a
    ValueError."""
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


def corners(width: float, height: float) -> np.ndarray:
    """Corners of an image from the top left one clockwise, float64 (4, 2)."""
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def affine_matrix(angle: float = 0., scale: tuple[float, float] = (1., 1.),
                  shear: tuple[float, float] = (0., 0.)) -> np.ndarray:
    """Scaling along x and y, then shear of columns and of rows, then rotation about the origin, as
    a homography, float64 (3, 3). Angles are in degrees, counter-clockwise as the image is seen."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    kx, ky = np.tan(np.radians(shear))
    # y points down, hence the sign of s.
    return block_diag(np.array([[c, s], [-s, c]]) @ [[1, kx], [ky, 1]] @ np.diag(scale), 1)


def fit_canvas(matrix: np.ndarray, width: int, height: int,
               max_side: int = _MAX_SIDE) -> tuple[np.ndarray, tuple[int, int]]:
    """Homography into a canvas that just holds an image warped by ``matrix``, shrunk if a side is
    longer than ``max_side``; and the canvas's width and height, at least 1."""
    points = cv2.perspectiveTransform(corners(width, height)[None], matrix)[0]
    low, high = points.min(0), points.max(0)
    factor = min(1., max_side / (high - low).max())
    size = np.maximum(np.ceil((high - low) * factor - 1e-6), 1)
    # Centered: the rounding up of the size is shared by both sides.
    offset = (size - (high - low) * factor) / 2 - low * factor
    into = np.array([[factor, 0, offset[0]], [0, factor, offset[1]], [0, 0, 1]])
    return into @ matrix, (int(size[0]), int(size[1]))


def warp(img: np.ndarray, matrix: np.ndarray, size: tuple[int, int],
         interpolation: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE) -> np.ndarray:
    """Warp an image (H, W) or (H, W, C) of any dtype by a homography (3, 3) to a width and height;
    an UnusableImageError if a side of it has more than 32,766 pixels."""
    if max(img.shape[:2]) > _MAX_SIDE:
        raise UnusableImageError(f'an image of {img.shape[1]} x {img.shape[0]} pixels cannot be '
                                 f'warped; the longest side may have {_MAX_SIDE}')
    half = np.array([[1, 0, .5], [0, 1, .5], [0, 0, 1]])
    # OpenCV's coordinates are pixel centers.
    out = cv2.warpPerspective(
        img, np.linalg.inv(half) @ matrix @ half, size, flags=interpolation, borderMode=border)
    return out[..., None] if out.ndim < img.ndim else out


def motion_blur(img: np.ndarray, length: float, angle: float) -> np.ndarray:
    """Blur as by a moving camera; edges are replicated."""
    kernel = motion_kernel(length, angle)
    return _like(cv2.filter2D(img, -1, kernel, borderType=cv2.BORDER_REPLICATE), img)


def gaussian_noise(img: np.ndarray, std: float, seed: int) -> np.ndarray:
    """Add independent normal noise of ``std`` gray levels; ``seed``, below 2^31, decides it."""
    noise = np.empty((img.size, 1), np.float32)
    # OpenCV draws four times as fast as NumPy; the sum is rounded and clipped on the way.
    cv2.setRNGSeed(seed)
    cv2.randn(noise, 0, std)
    return _like(cv2.add(img.reshape(-1, 1), noise, dtype=cv2.CV_8U), img)


def rescale_and_back(img: np.ndarray, factor: float) -> np.ndarray:
    """Shrink the sides by ``factor``, averaging, and enlarge bilinearly to the old size."""
    height, width = img.shape[:2]
    small = (max(round(width / factor), 1), max(round(height / factor), 1))
    shrunk = cv2.resize(img, small, interpolation=cv2.INTER_AREA)
    return _like(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR), img)


def shift_hue(img: np.ndarray, turn: float) -> np.ndarray:
    """Turn the hue of an image (H, W, 3) by a part of a full turn: 1/3 makes red green."""
    # The full-range hue has 256 steps, so that uint8 wraps round where hue does.
    hsv = cv2.cvtColor(img, cv2.COLOR_BGR2HSV_FULL)
    hsv[..., 0] += np.uint8(round(turn * 256) % 256)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR_FULL)


def color_jitter(img: np.ndarray, brightness: float = 1., contrast: float = 1.,
                 saturation: float = 1., hue: float = 0.) -> np.ndarray:
    """Change brightness, contrast, saturation and hue, in this order, as torchvision does.

    The first three are linear, and applied as one map: rounded and clipped once and not after each.
    Gray images have no saturation and hue to change.
    """
    color = img.ndim == 3 and img.shape[2] == 3
    means = cv2.mean(img)
    gray = float(means[:3] @ _GREY) if color else means[0]
    gain, offset = brightness * contrast, brightness * gray * (1 - contrast)
    # A gray offset has no color, hence saturation leaves it alone.
    mix = saturation * np.eye(3) + (1 - saturation) * _GREY if color else np.eye(1)
    out = cv2.transform(img, np.hstack([gain * mix, np.full((len(mix), 1), offset)]))
    return shift_hue(out, hue) if color and hue else _like(out, img)


def _like(out: np.ndarray, img: np.ndarray) -> np.ndarray:
    """OpenCV drops the last axis of (H, W, 1)."""
    return out.reshape(img.shape)
