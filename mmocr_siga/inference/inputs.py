"""Pictures wherever they are: files, folders, lists, bytes, arrays, open files."""
from __future__ import annotations

import codecs
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..images import (
    IMAGE_SUFFIXES,
    MAX_BYTES,
    UnusableImageError,
    check_size,
    decode_picture,
    from_pil,
    image_suffix,
    read_file,
    to_bgr_uint8,
    walk_pictures,
)

__all__ = ['Source', 'check_counts', 'expand', 'picture_of', 'reason_of']

_MARKS = ((codecs.BOM_UTF32_LE, 'utf-32'), (codecs.BOM_UTF32_BE, 'utf-32'),
          (codecs.BOM_UTF16_LE, 'utf-16'), (codecs.BOM_UTF16_BE, 'utf-16'))
# Of text and lists that end paths with a NUL none has these.
_CONTROLS = bytes((*range(1, 9), *range(14, 32)))
_SHOWN = 3


class Source(NamedTuple):
    """One picture that is to be read."""
    path: str | None  # its file, if it is one
    content: Any = None  # what was given in place of a file
    error: str | None = None  # why there is no picture


def expand(inputs: Any) -> Iterator[Source]:
    """Find the pictures in whatever was given, in order.

    That is a path of a file or a folder (searched with its subfolders for files that are named like
    pictures, see :func:`~mmocr_siga.images.walk_pictures`; what is left out is logged);
    ``'@list.txt'``, a text file of paths (``'@-'``: the standard input); an array or tensor, bytes,
    a PIL image, an open file; or an iterable of any of these. What is no picture comes with the
    reason; no file is opened before it is its turn.
    """
    if isinstance(inputs, (list, tuple)) and not isinstance(inputs, Source) or not _is_one(inputs):
        for item in inputs:
            yield from _found(item)
    else:
        yield from _found(inputs)


def _is_one(given: Any) -> bool:
    """Whether something is an input by itself, and not an iterable of such."""
    return (isinstance(given, (Source, str, os.PathLike, bytes, bytearray, memoryview, np.ndarray,
                               dict))
            or not isinstance(given, Iterable) or hasattr(given, 'read') or _is_tensor(given)
            or _by_pil(given))


def _found(item: Any) -> Iterator[Source]:
    """The pictures of an input, or one source that says why there are none."""
    try:
        if isinstance(item, (str, os.PathLike)):
            path = os.fsdecode(item)
            yield from _from_list(path[1:]) if path.startswith('@') else _from_path(path)
        else:
            yield _source(item)
    except Exception as error:
        yield Source(None, error=reason_of(error))


def _source(item: Any) -> Source:
    if isinstance(item, Source):
        return item
    if _by_pil(item):
        check_size(*item.size)
        item.load()  # here, as it cannot be loaded by several threads
    if isinstance(item, (np.ndarray, bytes, bytearray, memoryview)) or _by_pil(item) or (
            _is_tensor(item)):
        return Source(None, item)
    if hasattr(item, 'read'):
        return Source(None, _content(item))
    if item is None:
        return Source(None, error='None is no picture (cv2.imread gives None where it fails)')
    if isinstance(item, (list, tuple)):
        return Source(None, error='a list within a list is no picture')
    return Source(None, error=f'{type(item).__name__} is no picture: give a path, an array, '
                              'bytes, an open file or a PIL image')


def _content(file: Any) -> bytes:
    """What an open file holds, from its beginning if it can go back there."""
    if getattr(file, 'seekable', bool)():
        file.seek(0)
    content = file.read(MAX_BYTES + 1)
    if not isinstance(content, (bytes, bytearray, memoryview)):
        raise UnusableImageError(f'reading the {type(file).__name__} gives '
                                 f"{type(content).__name__}, not bytes: open it with 'rb'")
    if len(content) > MAX_BYTES:
        raise UnusableImageError(f'it has more than {MAX_BYTES:,} bytes, which is the limit')
    return bytes(content)


def _from_path(path: str) -> Iterator[Source]:
    yield from _from_folder(path) if os.path.isdir(path) else [Source(path)]


def _from_folder(folder: str) -> Iterator[Source]:
    empty, left_out = True, []
    for path, problem in walk_pictures(folder):
        if problem.startswith('cannot'):
            empty = False
            yield Source(path, error=problem)
        elif problem:
            left_out.append(f'{os.path.relpath(path, folder)} {problem}')
        else:
            empty = False
            yield Source(path)
    if left_out:
        more = ', ...' if len(left_out) > _SHOWN else ''
        logging.getLogger('mmocr_siga').warning(
            '%s: %d left out: %s%s', folder, len(left_out), ', '.join(left_out[:_SHOWN]), more)
    if empty:
        yield Source(folder, error=f'the folder holds no pictures ({", ".join(IMAGE_SUFFIXES)})')


def _from_list(name: str) -> Iterator[Source]:
    """Pictures of a list of paths, a line each; ``-`` is the standard input."""
    try:
        lines = _lines(sys.stdin.buffer.read() if name == '-' else read_file(name))
    except (OSError, ValueError) as error:
        yield Source('@' + name, error=reason_of(error))
        return
    empty = True
    folder = '' if name == '-' else os.path.dirname(name)
    for line in lines:
        empty = False
        yield from _from_path(_listed_path(line, folder))
    if empty:
        yield Source('@' + name, error='the list names no pictures')


def _lines(data: bytes) -> list[str]:
    """Paths in the content of a list: each ends with a line, or all with a NUL (find -print0)."""
    if image_suffix(data):
        raise ValueError('it is a picture, not a list of paths: give it without the @')
    encoding = next((encoding for mark, encoding in _MARKS if data.startswith(mark)), None)
    if encoding is None and data.translate(None, _CONTROLS) != data:
        raise ValueError('it is no text, as a list of paths is')
    if encoding is None and b'\0' in data:
        if b'\0\0' in data or data.count(b'\0') > len(data) // 4:
            raise ValueError('it is no text, or one in UTF-16 without a byte order mark: a list '
                             'is UTF-8')
        return [os.fsdecode(path) for path in data.split(b'\0') if path.strip()]
    text = os.fsdecode(data) if encoding is None else data.decode(encoding, 'surrogatepass')
    lines = (line.rstrip('\r') for line in text.removeprefix('\ufeff').split('\n'))
    return [line for line in lines if line.strip() and not line.lstrip().startswith('#')]


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

    Files and bytes are decoded by :func:`~mmocr_siga.images.decode_picture`, for arrays see
    :func:`~mmocr_siga.images.to_bgr_uint8`. PIL images are taken as their pixels are. Tensors
    (C, H, W) are RGB, as torchvision gives them, (H, W, C) are BGR, as arrays.

    Raises:
        UnusableImageError: If there is none; says why, without the name of the file.
    """
    if source.error is not None:
        raise UnusableImageError(source.error)
    content = source.content
    try:
        if source.path is not None:
            return decode_picture(read_file(source.path))
        if isinstance(content, np.ndarray):
            return to_bgr_uint8(content)
        if _by_pil(content):
            return from_pil(content)
        if _is_tensor(content):
            return to_bgr_uint8(_array_of(content))
        return decode_picture(bytes(content))
    except UnusableImageError:
        raise
    except Exception as error:  # whatever a decoder, or an object of another package, raises
        raise UnusableImageError(reason_of(error)) from error


def reason_of(error: Exception) -> str:
    """An error in a line; one of the operating system without the path."""
    if isinstance(error, FileNotFoundError):
        return 'there is no such file or folder'
    reason = getattr(error, 'strerror', None) or str(error)
    return ' '.join(str(reason).split()) or type(error).__name__


def check_counts(**numbers: Any) -> None:
    """Raise a ValueError for arguments that are no whole numbers from 1 on."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f'{name} must be a whole number from 1 on, got {value!r}')


def _by_pil(content: Any) -> bool:
    """Whether that is a picture of PIL, which may not be installed."""
    pil = sys.modules.get('PIL.Image')
    return pil is not None and isinstance(content, pil.Image)


def _is_tensor(given: Any) -> bool:
    """Whether that is a tensor of torch, or of another package that gives arrays."""
    tensor = getattr(sys.modules.get('torch'), 'Tensor', ())
    return isinstance(given, tensor) or (
        hasattr(given, '__array__') and getattr(given, 'ndim', 1) != 1)


def _array_of(tensor: Any) -> np.ndarray:
    if hasattr(tensor, 'detach'):
        tensor = tensor.float() if str(tensor.dtype) == 'torch.bfloat16' else tensor
        tensor = tensor.numpy(force=True)
    values = np.asarray(tensor)
    if values.ndim == 3 and values.shape[0] in (1, 3, 4):
        order = [0] if values.shape[0] == 1 else [2, 1, 0, 3][:values.shape[0]]
        values = np.moveaxis(values, 0, 2)[..., order]
    return values
