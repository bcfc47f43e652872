"""Arrays and images of PIL to uint8 BGR."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import cv2
import numpy as np

# Larger pictures are refused by their headers, before anything is set aside for them.
MAX_PIXELS = 100_000_000
# Turned into BGR at a time, so that what lies between stays small.
_TILE = 1 << 18
_LAYOUTS = ('(H, W) or (H, W, 1) gray, (H, W, 2) gray with alpha, (H, W, 3) BGR or (H, W, 4) BGR '
            'with alpha')
_Box = tuple[int, int, int, int]  # left, top, right, bottom


class UnusableImageError(ValueError):
    """What was given is no picture, or one that cannot serve as a word image, as without pixels.

    ``CheckedTextDataset`` skips and counts such samples in training.
    """


def check_size(width: int, height: int, limit: int = MAX_PIXELS) -> None:
    """Raise an UnusableImageError for a picture without pixels, or with more than the limit."""
    if width < 1 or height < 1:
        raise UnusableImageError(f'it has no pixels ({width} x {height})')
    if width * height > limit:
        raise UnusableImageError(f'it is {width} x {height} pixels large; the limit is {limit:,}')


def from_pil(image: Any) -> np.ndarray:
    """A PIL image, its pixels as they are, to uint8 BGR (H, W, 3).

    Raises:
        UnusableImageError: If it has no pixels, more than the limit, or other values.
    """
    check_size(*image.size)
    if image.mode == 'La':  # gray, multiplied by its alpha: PIL turns it into nothing else
        image = image.convert('LA')
    hidden = image.info.get('transparency')
    if image.mode[0] in 'IF':  # integers of 16 or 32 bits, floating point

        def read(box: _Box) -> np.ndarray:
            values = np.asarray(image.crop(box))[..., None]
            if hidden is None:
                return values
            return np.concatenate([values, (values != hidden) * values.dtype.type(65535)], axis=2)

        if image.mode[0] == 'I':
            return _bgr(*image.size, _as_16_bits(read, image.size))
        return _bgr(*image.size, read)
    transparent = hidden is not None or image.mode.upper() in ('LA', 'PA', 'RGBA')
    mode, order = ('RGBA', [2, 1, 0, 3]) if transparent else ('RGB', [2, 1, 0])
    return _bgr(*image.size, lambda box: np.asarray(image.crop(box).convert(mode))[..., order])


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
    img = np.asarray(img)  # an np.matrix has two axes whatever is done to it
    if img.ndim not in (2, 3) or (img.ndim == 3 and img.shape[2] not in (1, 2, 3, 4)):
        hint = ' (channels come last)' if img.ndim == 3 and img.shape[0] in (1, 3, 4) else ''
        raise UnusableImageError(f'its shape is {img.shape}, but must be {_LAYOUTS}{hint}')
    if img.size == 0:
        raise UnusableImageError(f'it has no pixels (shape {img.shape})')
    if img.dtype == np.uint8 and img.shape[2:] == (3, ):
        return img
    img = np.atleast_3d(img)
    return _bgr(img.shape[1], img.shape[0], lambda box: img[box[1]:box[3], box[0]:box[2]])


def _bgr(width: int, height: int, read: Callable[[_Box], np.ndarray]) -> np.ndarray:
    """Put a picture together from what is read of it, (h, w, C) of any number type."""
    boxes = list(_boxes(width, height))
    if len(boxes) == 1:
        whole = read(boxes[0])
        read = lambda _: whole  # noqa: E731
    scaled = _scaling(map(read, boxes))
    ground = None
    out = np.empty((height, width, 3), np.uint8)
    for box in boxes:
        part = scaled(read(box))
        if part.shape[2] in (2, 4):
            if ground is None:
                ground = _ground(scaled(read(each)) for each in boxes)
            share = part[..., -1:].astype(np.float32) / 255
            part = np.rint(part[..., :-1] * share + ground * (1 - share))
        out[box[1]:box[3], box[0]:box[2]] = part  # gray in all three channels
    return out


def _boxes(width: int, height: int) -> Iterator[_Box]:
    columns = min(width, _TILE)
    rows = _TILE // columns
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)


def _as_16_bits(read: Callable[[_Box], np.ndarray],
                size: tuple[int, int]) -> Callable[[_Box], np.ndarray]:
    """What PIL holds in wider integers as uint16, unless it is of 8 bits, or of more than 16."""
    low, high = _range(read(box)[..., 0] for box in _boxes(*size))
    return (lambda box: read(box).astype(np.uint16)) if low >= 0 and 255 < high < 65536 else read


def _range(parts: Iterable[np.ndarray]) -> tuple[Any, Any]:
    low, high = zip(*((part.min(), part.max()) for part in parts))
    return np.min(low), np.max(high)  # NaN if there is one


def _scaling(parts: Iterator[np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """What turns the parts of a picture into uint8."""
    first = next(parts)
    kind = first.dtype.kind
    if first.dtype == np.uint8:
        return lambda part: part
    if kind == 'b':
        return lambda part: part * np.uint8(255)
    if first.dtype == np.uint16:
        return lambda part: ((part.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if kind not in 'iuf':
        raise UnusableImageError(f'its dtype is {first.dtype}, but must be a number')
    low, high = _range([first, *parts])
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnusableImageError('it holds values that are not finite')
    if kind in 'iu':
        if low < 0 or high > 255:
            raise UnusableImageError(f'its values lie in [{low}, {high}], but integers other '
                                     'than uint16 must lie in [0, 255]')
        return lambda part: part.astype(np.uint8)
    top = 1. if high <= 1 else 255.
    # A tenth is more than bicubic or Lanczos resampling of a word overshoots by.
    if low < -.1 * top or high > 1.1 * top:
        raise UnusableImageError(f'its values lie in [{low:g}, {high:g}], but floating point '
                                 'images must lie in [0, 1] or [0, 255]')
    return lambda part: np.clip(np.rint(part.astype(np.float32) * (255. / top)), 0,
                                255).astype(np.uint8)


def _ground(parts: Iterable[np.ndarray]) -> float:
    """Black, for a picture whose visible part is bright, else white."""
    bright = 0
    for part in parts:
        color = np.ascontiguousarray(np.broadcast_to(part[..., :-1], (*part.shape[:2], 3)))
        gray = cv2.cvtColor(color, cv2.COLOR_BGR2GRAY).astype(np.int32)
        bright += int((part[..., -1] * (2 * gray - 255)).sum(dtype=np.int64))
    return 0. if bright > 0 else 255.
