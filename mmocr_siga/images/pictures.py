"""Arrays and picture files of any kind to uint8 BGR.

NumPy and OpenCV are enough; where PIL is there, it decodes what OpenCV cannot.
"""
from __future__ import annotations

import io
import warnings
from typing import Any

import cv2
import numpy as np

_LAYOUTS = ('(H, W) or (H, W, 1) gray, (H, W, 2) gray with alpha, (H, W, 3) BGR or (H, W, 4) BGR '
            'with alpha')


class UnusableImageError(ValueError):
    """An image was loaded but cannot serve as a word image, as when it has no pixels.

    ``CheckedTextDataset`` skips and counts such samples in training.
    """


def decode_picture(data: bytes) -> np.ndarray:
    """Decode the content of a picture file to uint8 BGR (H, W, 3), upright as its EXIF tells.

    What is transparent is laid over a plain ground, as by :func:`to_bgr_uint8`.

    Raises:
        UnusableImageError: If it is empty, damaged, of no format known here, or no picture.
    """
    if not data:
        raise UnusableImageError('the file is empty')
    image = _by_opencv(data)
    return _by_pil(data) if image is None else image


def from_pil(image: Any) -> np.ndarray:
    """A PIL image, its pixels as they are, to uint8 BGR (H, W, 3)."""
    if image.mode.startswith('I'):  # 16 bits a pixel, whatever PIL holds them in
        values = np.asarray(image)
        return to_bgr_uint8(values.astype(np.uint16) if values.max(initial=0) > 255 else values)
    if image.mode == 'F':
        return to_bgr_uint8(np.asarray(image))
    transparent = image.mode.upper() in ('LA', 'PA', 'RGBA') or 'transparency' in image.info
    values = np.asarray(image.convert('RGBA' if transparent else 'RGB'))
    code = cv2.COLOR_RGBA2BGRA if transparent else cv2.COLOR_RGB2BGR
    return to_bgr_uint8(cv2.cvtColor(values, code) if values.size else values)


def to_bgr_uint8(img: np.ndarray) -> np.ndarray:
    """Turn an image array (H, W), or (H, W, C) with C from 1 to 4, into uint8 BGR (H, W, 3).

    - uint8 stays; bool becomes 0 and 255; uint16 is divided by 257 and rounded; other integers
      must lie in [0, 255]; floating point is taken for [0, 1] if no value is above 1, else for
      [0, 255], and rounded. Slight overshoots of a resampling are clipped.
    - Gray is repeated three times.
    - An image with alpha is laid over white, or over black if what is visible is bright (mean
      gray weighted by alpha above one half), so that text on a transparent ground stays readable.

    It is the same object if it is one already.

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
    img = _to_uint8(np.atleast_3d(img))
    channels = img.shape[2]
    if channels in (2, 4):
        return _over_ground(img[..., :-1], img[..., -1:])
    return img if channels == 3 else img.repeat(3, axis=2)


def _by_opencv(data: bytes) -> np.ndarray | None:
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


def _by_pil(data: bytes) -> np.ndarray:
    """What OpenCV cannot decode, such as GIF in its older versions."""
    unknown = 'it is no picture, or one in a format that is not known here'
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise UnusableImageError(unknown) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(io.BytesIO(data)) as image:
                return from_pil(ImageOps.exif_transpose(image))
    except Image.UnidentifiedImageError as error:
        raise UnusableImageError(unknown) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UnusableImageError(
            f'the picture is damaged, or larger than can be decoded ({error})') from error


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


def _over_ground(color: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    if color.shape[2] == 1:
        color = color.repeat(3, axis=2)
    share = alpha.astype(np.float32) / 255
    gray = cv2.cvtColor(np.ascontiguousarray(color), cv2.COLOR_BGR2GRAY)[..., None]
    ground = 0. if (share * (gray - 127.5)).sum() > 0 else 255.
    return np.rint(color * share + ground * (1 - share)).astype(np.uint8)
