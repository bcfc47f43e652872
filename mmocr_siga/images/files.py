"""Picture files: their suffixes, told from the first bytes too, and where they lie."""
from __future__ import annotations

import os
from collections.abc import Iterator

import cv2
import numpy as np

# What is taken for a picture in a folder; a file that is named itself may have any name.
IMAGE_SUFFIXES = ('.avif', '.bmp', '.dib', '.gif', '.jfif', '.jp2', '.jpe', '.jpeg', '.jpg', '.pbm',
                  '.pgm', '.png', '.pnm', '.ppm', '.tif', '.tiff', '.webp')

_SIGNATURES = ((b'\xff\xd8', '.jpg'), (b'\x89PNG', '.png'), (b'GIF8', '.gif'), (b'BM', '.bmp'),
               (b'II*\0', '.tif'), (b'MM\0*', '.tif'))


def encode_picture(picture: np.ndarray, suffix: str = '.jpg', quality: int = 92) -> bytes:
    """Encode a uint8 picture, (H, W) or BGR (H, W, 3), as '.jpg' or '.png'."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == '.jpg' else []
    return cv2.imencode(suffix, picture, flags)[1].tobytes()


def image_suffix(data: bytes) -> str:
    """Suffix of an image by its first bytes; '' if they are not known."""
    for start, suffix in _SIGNATURES:
        if data.startswith(start):
            return suffix
    return '.webp' if data[:4] == b'RIFF' and data[8:12] == b'WEBP' else ''


def walk_pictures(folder: str) -> Iterator[tuple[str, str]]:
    """Files in a folder and its subfolders, each with '' or the reason why it is left out.

    Taken is what is named like a picture, in the order of the names, a folder's own files first.
    Links to folders are followed, but each folder is searched once. Left out, with its path and a
    reason to follow it ("... is hidden"), is everything else, a folder as a whole.
    """
    problems: list[OSError] = []
    searched = {_identity(folder)}
    for current, folders, files in os.walk(folder, onerror=problems.append, followlinks=True):
        for name in sorted(files):
            yield os.path.join(current, name), _no_picture(name)
        subfolders, folders[:] = sorted(folders), []
        for name in subfolders:
            path = os.path.join(current, name)
            known = _identity(path) in searched
            if known or name.startswith('.'):
                yield path, 'is a folder that was searched before' if known else 'is hidden'
            else:
                searched.add(_identity(path))
                folders.append(name)
        yield from _unsearched(problems)
    yield from _unsearched(problems)


def _no_picture(name: str) -> str:
    """Why a file is not taken for a picture; '' if it is."""
    if name.startswith('.'):
        return 'is hidden'
    suffix = os.path.splitext(name)[1].lower()
    return '' if suffix in IMAGE_SUFFIXES else (
        f'is not named like a picture ({suffix or "without a suffix"})')


def _identity(folder: str) -> tuple[int, int] | None:
    try:
        found = os.stat(folder)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _unsearched(problems: list[OSError]) -> Iterator[tuple[str, str]]:
    while problems:
        error = problems.pop(0)
        yield str(error.filename), f'cannot be searched ({error.strerror or error})'
