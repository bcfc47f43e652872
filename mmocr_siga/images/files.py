"""Picture files: their content, their suffixes, told from the first bytes too, where they lie."""
from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

import cv2
import numpy as np

from .pictures import MAX_PIXELS

# Larger files are not read: a picture of the most pixels that is not compressed.
MAX_BYTES = 4 * MAX_PIXELS
# What is taken for a picture in a folder; a file that is named itself may have any name.
IMAGE_SUFFIXES = ('.avif', '.bmp', '.dib', '.gif', '.jfif', '.jp2', '.jpe', '.jpeg', '.jpg', '.pbm',
                  '.pgm', '.png', '.pnm', '.ppm', '.tga', '.tif', '.tiff', '.webp')

_IMAGE_DESCRIPTION = 0x010e
_SIGNATURES = ((b'\xff\xd8', '.jpg'), (b'\x89PNG', '.png'), (b'GIF8', '.gif'), (b'BM', '.bmp'),
               (b'II*\0', '.tif'), (b'MM\0*', '.tif'))


def encode_picture(picture: np.ndarray, suffix: str = '.jpg', quality: int = 92) -> bytes:
    """Encode a uint8 picture, (H, W) or BGR (H, W, 3), as '.jpg' or '.png'."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == '.jpg' else []
    return cv2.imencode(suffix, picture, flags)[1].tobytes()


def encode_edited(picture: np.ndarray, note: str, suffix: str = '.png') -> bytes:
    """Encode an edited picture, uint8 BGR (H, W, 3), as '.png' or '.jpg', with a note, in ASCII,
    that it was: PNG in a tEXt chunk, ``Comment``; JPEG in its comment and as ``ImageDescription``
    of its EXIF."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo
    image, file = Image.fromarray(np.ascontiguousarray(picture[..., ::-1])), io.BytesIO()
    if suffix == '.png':
        text = PngInfo()
        text.add_text('Comment', note)
        image.save(file, 'PNG', pnginfo=text)
    else:
        exif = Image.Exif()
        exif[_IMAGE_DESCRIPTION] = note
        image.save(file, 'JPEG', quality=95, subsampling=0, comment=note.encode(), exif=exif)
    return file.getvalue()


def image_suffix(data: bytes) -> str:
    """Suffix of an image by its first bytes; '' if they are not known."""
    for start, suffix in _SIGNATURES:
        if data.startswith(start):
            return suffix
    return '.webp' if data[:4] == b'RIFF' and data[8:12] == b'WEBP' else ''


def open_file(path: str | os.PathLike, limit: int | None = None) -> BinaryIO:
    """Open a regular file to read. Nothing else is opened, so that nothing is waited for.

    Raises:
        OSError: If there is none, or it cannot be read, or has more bytes than ``limit``;
            ``strerror`` says why, without the path. Paths that the system cannot have, as with a
            NUL, are among them.
    """
    path = os.fspath(path)
    try:
        _check_regular(os.stat(path), limit)
        # What has taken its place meanwhile is not waited for either.
        flags = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_BINARY', 0)
        file = open(os.open(path, flags), 'rb')
        try:
            _check_regular(os.fstat(file.fileno()), limit)
        except OSError:
            file.close()
            raise
        return file
    except OSError as error:
        raise type(error)(error.errno, error.strerror or str(error), path) from error
    except ValueError as error:
        raise OSError(errno.EINVAL, f'there can be no such path ({error})', path) from error


def read_file(path: str | os.PathLike) -> bytes:
    """Content of a file of at most :data:`MAX_BYTES`; errors as of :func:`open_file`."""
    with open_file(path, MAX_BYTES) as file:
        return file.read(MAX_BYTES + 1)


def _check_regular(found: os.stat_result, limit: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, 'it is a directory, not a file')
    if not stat.S_ISREG(found.st_mode):
        kind = next((name for test, name in ((stat.S_ISFIFO, 'a FIFO'), (stat.S_ISSOCK, 'a socket'))
                     if test(found.st_mode)), 'a device')
        raise OSError(errno.EINVAL, f'it is {kind}, not a regular file')
    if limit is not None and found.st_size > limit:
        raise OSError(errno.EFBIG, f'it has {found.st_size:,} bytes; the limit is {limit:,}')


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
