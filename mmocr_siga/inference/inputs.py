"""Pictures wherever they are: files, folders, lists, bytes, arrays."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..images import UnusableImageError, decode_picture, from_pil, to_bgr_uint8

__all__ = ['SUFFIXES', 'Source', 'check_counts', 'expand', 'picture_of']

# What is taken for a picture in a folder; a file that is named itself may have any name.
SUFFIXES = ('.bmp', '.dib', '.gif', '.jp2', '.jpe', '.jpeg', '.jpg', '.pbm', '.pgm', '.png', '.pnm',
            '.ppm', '.tif', '.tiff', '.webp')


class Source(NamedTuple):
    """One picture that is to be read."""
    path: str | None  # its file, if it is one
    content: Any = None  # what was given in place of a file
    error: str | None = None  # why there is no picture


def expand(inputs: Any) -> Iterator[Source]:
    """Find the pictures in whatever was given, in order.

    That is a path of a file or a folder (searched with its subfolders for files that are named like
    pictures, in the order of their names, hidden ones left out); ``'@list.txt'``, a text file of
    paths (``'@-'``: the standard input); an array, bytes, a PIL image; or an iterable of any of
    these. What is no picture comes with the reason; no file is opened before it is its turn.
    """
    if isinstance(inputs, Source):
        yield inputs
    elif isinstance(inputs, (str, os.PathLike)):
        path = os.fsdecode(inputs)
        yield from (_from_list(path[1:]) if path.startswith('@') else _from_path(path))
    elif isinstance(inputs, (np.ndarray, bytes, bytearray, memoryview)) or _by_pil(inputs):
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


def _from_path(path: str) -> Iterator[Source]:
    yield from _from_folder(path) if os.path.isdir(path) else [Source(path)]


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
        lines = sys.stdin.buffer.read() if name == '-' else Path(name).read_bytes()
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
        yield from _from_path(_listed_path(line, folder))
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
    """Load a picture as uint8 BGR (H, W, 3).

    Files and bytes are turned upright as their EXIF tells, and laid over a plain ground where they
    are transparent; see :func:`~mmocr_siga.images.to_bgr_uint8` for that and for arrays. PIL
    images are taken as their pixels are.

    Raises:
        UnusableImageError: If there is none; says why, without the name of the file.
    """
    if source.error is not None:
        raise UnusableImageError(source.error)
    content = source.content
    try:
        if source.path is not None:
            with open(source.path, 'rb') as file:
                return decode_picture(file.read())
        if isinstance(content, np.ndarray):
            return to_bgr_uint8(content)
        if _by_pil(content):
            return from_pil(content)
        return decode_picture(bytes(content))
    except (OSError, MemoryError) as error:
        raise UnusableImageError(_reason(error)) from error


def check_counts(**numbers: Any) -> None:
    """Raise a ValueError for arguments that are no whole numbers from 1 on."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f'{name} must be a whole number from 1 on, got {value!r}')


def _by_pil(content: Any) -> bool:
    """Whether that is a picture of PIL, which may not be installed."""
    pil = sys.modules.get('PIL.Image')
    return pil is not None and isinstance(content, pil.Image)


def _reason(error: Exception) -> str:
    """An error of the operating system in words, without the path."""
    if isinstance(error, FileNotFoundError):
        return 'there is no such file or folder'
    return getattr(error, 'strerror', None) or str(error) or type(error).__name__
