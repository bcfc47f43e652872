"""Pictures from wherever they are: files, folders, lists of files, bytes and arrays in memory."""
from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageOps

from ..images import UnusableImageError, decode_picture, to_bgr_uint8

__all__ = ['SUFFIXES', 'Source', 'decoded', 'expand', 'picture_of']

# What is taken for a picture in a folder; a file that is named itself may have any name.
SUFFIXES = ('.bmp', '.dib', '.gif', '.jp2', '.jpe', '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm',
            '.ppm', '.tif', '.tiff', '.webp')


class Source(NamedTuple):
    """One picture that is to be read.

    Attributes:
        path (str, optional): Its file, if it is one.
        content (Any): What was given in place of a file.
        error (str, optional): Why there is no picture.
    """
    path: str | None
    content: Any = None
    error: str | None = None


def expand(inputs: Any) -> Iterator[Source]:
    """Find the pictures in whatever was given, in order.

    Args:
        inputs (Any): A path of a file or a folder (searched with its subfolders for files that are
            named like pictures, in the order of their names, hidden ones left out);
            ``'@list.txt'``, a text file of paths; an array, bytes, a PIL image; or an iterable of
            any of these.

    Yields:
        Source: A picture, or why there is none: a file is not opened before it is its turn.
    """
    if isinstance(inputs, Source):
        yield inputs
    elif isinstance(inputs, (str, os.PathLike)):
        yield from _from_path(os.fspath(inputs))
    elif isinstance(inputs, (np.ndarray, bytes, bytearray, memoryview, Image.Image)):
        yield Source(None, inputs)
    elif isinstance(inputs, Iterable) and not isinstance(inputs, dict):
        for item in inputs:
            if isinstance(item, (list, tuple)) and not isinstance(item, Source):
                yield Source(None, error='a list within a list is no picture')
            else:
                yield from expand(item)
    elif inputs is None:
        yield Source(None, error='None is no picture (cv2.imread gives None where it fails)')
    else:
        yield Source(None, error=f'{type(inputs).__name__} is no picture: give a path, an array, '
                                 'bytes or a PIL image')


def _from_path(path: str | bytes) -> Iterator[Source]:
    path = os.fsdecode(path)
    if path.startswith('@'):
        yield from _from_list(path[1:])
    elif os.path.isdir(path):
        yield from _from_folder(path)
    else:
        yield Source(path)


def _from_folder(folder: str) -> Iterator[Source]:
    problems: list[OSError] = []
    empty = True
    for current, folders, files in os.walk(folder, onerror=problems.append):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES) and not name.startswith('.'):
                empty = False
                yield Source(os.path.join(current, name))
    for problem in problems:
        yield Source(str(problem.filename or folder), error=_reason(problem))
    if empty and not problems:
        yield Source(folder, error=f'the folder holds no pictures ({", ".join(SUFFIXES)})')


def _from_list(name: str) -> Iterator[Source]:
    """Pictures of a list of paths, a line each; ``-`` is the standard input."""
    try:
        if name == '-':
            lines = sys.stdin.buffer.read()
        else:
            with open(name, 'rb') as file:
                lines = file.read()
    except OSError as error:
        yield Source('@' + name, error=_reason(error))
        return
    empty = True
    folder = '' if name == '-' else os.path.dirname(name)
    for line in os.fsdecode(lines).removeprefix('\ufeff').split('\n'):
        line = line.rstrip('\r')
        if not line.strip() or line.lstrip().startswith('#'):
            continue
        empty = False
        path = _listed_path(line, folder)
        yield from _from_folder(path) if os.path.isdir(path) else [Source(path)]
    if empty:
        yield Source('@' + name, error='the list names no pictures')


def _listed_path(line: str, folder: str) -> str:
    """The path that a line names, as it is, or without what follows a tab or stands around it.

    Relative to the folder of the list; if there is no such file, to the current folder.
    """
    for text in (line, line.split('\t')[0], line.split('\t')[0].strip()):
        for base in (folder, ''):
            path = os.path.join(base, text)
            if text and os.path.exists(path):
                return path
    return os.path.join(folder, line.split('\t')[0].strip())


def picture_of(source: Source) -> np.ndarray:
    """Load a picture.

    Files and bytes are turned upright as their EXIF tells, and laid over a plain ground where they
    are transparent; see :func:`~mmocr_siga.images.to_bgr_uint8` for that and for
    arrays. PIL images are taken as their pixels are.

    Args:
        source (Source): Where it is.

    Returns:
        ndarray: uint8 BGR (H, W, 3).

    Raises:
        UnusableImageError: If there is none; says why, without the name of the file.
    """
    if source.error is not None:
        raise UnusableImageError(source.error)
    content = source.content
    try:
        if source.path is not None:
            with open(source.path, 'rb') as file:
                return decoded(file.read())
        if isinstance(content, np.ndarray):
            return to_bgr_uint8(content)
        if isinstance(content, Image.Image):
            return _from_pil(content)
        return decoded(bytes(content))
    except (OSError, MemoryError) as error:
        raise UnusableImageError(_reason(error)) from error


def decoded(data: bytes) -> np.ndarray:
    """Decode the content of a picture file.

    Args:
        data (bytes): The content.

    Returns:
        ndarray: uint8 BGR (H, W, 3).

    Raises:
        UnusableImageError: If it is empty or of no format known here.
    """
    image = decode_picture(data)
    return _decoded_by_pil(data) if image is None else image


def _decoded_by_pil(data: bytes) -> np.ndarray:
    """What OpenCV cannot decode, such as GIF in its older versions."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            with Image.open(io.BytesIO(data)) as image:
                return _from_pil(ImageOps.exif_transpose(image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        kind = 'damaged' if not isinstance(error, Image.UnidentifiedImageError) else ''
        raise UnusableImageError(
            f'the picture is {kind}, or larger than can be decoded ({error})' if kind else
            'it is no picture, or one in a format that is not known here') from error


def _from_pil(image: Image.Image) -> np.ndarray:
    mode = image.mode
    if mode.startswith('I'):  # 16 bits a pixel, whatever PIL holds them in
        values = np.asarray(image)
        return to_bgr_uint8(values.astype(np.uint16) if values.max(initial=0) > 255 else values)
    if mode == 'F':
        return to_bgr_uint8(np.asarray(image))
    transparent = mode in ('LA', 'PA', 'La', 'RGBA', 'RGBa') or 'transparency' in image.info
    values = np.asarray(image.convert('RGBA' if transparent else 'RGB'))
    values = values[..., [2, 1, 0, 3] if transparent else [2, 1, 0]]
    return to_bgr_uint8(np.ascontiguousarray(values))


def _reason(error: Exception) -> str:
    """An error of the operating system in words, without the path."""
    if isinstance(error, FileNotFoundError):
        return 'there is no such file or folder'
    return getattr(error, 'strerror', None) or str(error) or type(error).__name__
