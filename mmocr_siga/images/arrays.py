"""Image arrays and picture files of any kind to uint8 BGR; needs NumPy and OpenCV alone."""
from __future__ import annotations

import cv2
import numpy as np

__all__ = ['UnusableImageError', 'decode_picture', 'to_bgr_uint8']


class UnusableImageError(ValueError):
    """An image was loaded but cannot serve as a word image, as when it has no pixels.

    ``CheckedTextDataset`` skips and counts such samples in training.
    """


_LAYOUTS = ('(H, W) or (H, W, 1) grey, (H, W, 2) grey with alpha, (H, W, 3) BGR or (H, W, 4) BGR '
            'with alpha')


def to_bgr_uint8(img: np.ndarray) -> np.ndarray:
    """Turn an image array into uint8 BGR.

    - uint8 stays; bool becomes 0 and 255; uint16 is divided by 257 and rounded; other integers
      must lie in [0, 255]; floating point is taken for [0, 1] if no value is above 1, else for
      [0, 255], and rounded. Slight overshoots of a resampling are clipped.
    - Grey is repeated three times.
    - An image with alpha is laid over white, or over black if what is visible is bright (mean
      grey weighted by alpha above one half), so that text on a transparent ground stays readable.

    Args:
        img (ndarray): Image of shape :math:`(H, W)`, or :math:`(H, W, C)` with C from 1 to 4.

    Returns:
        ndarray: uint8 of shape :math:`(H, W, 3)`; the same object if it is one already.

    Raises:
        UnusableImageError: If the image has no pixels, another shape or other values.
    """
    if not isinstance(img, np.ndarray):
        raise UnusableImageError(f'expected an array, but got {type(img).__name__}')
    if img.ndim not in (2, 3) or (img.ndim == 3 and img.shape[2] not in (1, 2, 3, 4)):
        hint = ' (channels come last)' if img.ndim == 3 and img.shape[0] in (1, 3, 4) else ''
        raise UnusableImageError(f'its shape is {img.shape}, but must be {_LAYOUTS}{hint}')
    if img.size == 0:
        raise UnusableImageError(f'it has no pixels (shape {img.shape})')
    img = _to_uint8(img)
    if img.ndim == 2:
        img = img[..., None]
    if img.shape[2] == 3:
        return img
    if img.shape[2] == 1:
        return img.repeat(3, axis=2)
    return _over_ground(img[..., :-1], img[..., -1:])


def decode_picture(data: bytes) -> np.ndarray | None:
    """Decode the content of a picture file by OpenCV.

    It is turned upright as its EXIF tells. What is transparent is laid over a plain ground, as by
    :func:`to_bgr_uint8`.

    Args:
        data (bytes): The content.

    Returns:
        ndarray, optional: uint8 BGR (H, W, 3); None if OpenCV cannot decode it.

    Raises:
        UnusableImageError: If there is no content, or it holds values that are none of a picture.
    """
    if not data:
        raise UnusableImageError('the file is empty')
    buffer = np.frombuffer(data, np.uint8)
    try:
        if _may_be_transparent(data):
            image = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
            # With floating point numbers for pixels OpenCV can do nothing else.
            if image is not None and (image.shape[2:] == (4, ) or image.dtype.kind == 'f'):
                return to_bgr_uint8(image)
        return cv2.imdecode(buffer, cv2.IMREAD_COLOR)
    except cv2.error:
        return None


def _may_be_transparent(data: bytes) -> bool:
    """Whether a file is of a format, and for PNG of a kind, that has an alpha channel."""
    if data.startswith(b'\x89PNG'):
        return data[25:26] in (b'\x04', b'\x06') or b'tRNS' in data[:8192]
    return data[8:12] == b'WEBP' or data[:4] in (b'II*\0', b'MM\0*')


def _to_uint8(img: np.ndarray) -> np.ndarray:
    kind = img.dtype.kind
    if img.dtype == np.uint8:
        return img
    if kind == 'b':
        return img.astype(np.uint8) * np.uint8(255)
    if img.dtype == np.uint16:
        return ((img.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if kind not in 'iuf':
        raise UnusableImageError(f'its dtype is {img.dtype}, but must be a number')
    low, high = img.min(), img.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnusableImageError('it holds values that are not finite')
    if kind in 'iu':
        if low < 0 or high > 255:
            raise UnusableImageError(f'its values lie in [{low}, {high}], but integers other '
                                     'than uint16 must lie in [0, 255]')
        return img.astype(np.uint8)
    top = 1. if high <= 1 else 255.
    # A tenth is more than bicubic or Lanczos resampling of a word overshoots by.
    if low < -.1 * top or high > 1.1 * top:
        raise UnusableImageError(f'its values lie in [{low:g}, {high:g}], but floating point '
                                 'images must lie in [0, 1] or [0, 255]')
    return np.clip(np.rint(img.astype(np.float32) * (255. / top)), 0, 255).astype(np.uint8)


def _over_ground(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    if colour.shape[2] == 1:
        colour = colour.repeat(3, axis=2)
    share = alpha.astype(np.float32) / 255
    grey = cv2.cvtColor(np.ascontiguousarray(colour), cv2.COLOR_BGR2GRAY)[..., None]
    ground = 0. if (share * (grey - 127.5)).sum() > 0 else 255.
    return np.rint(colour * share + ground * (1 - share)).astype(np.uint8)
