"""Files of text, however they were saved, and text in one form."""
from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from typing import BinaryIO
from unicodedata import normalize

from mmengine import fileio

from ..images import open_file

__all__ = ['nfc', 'open_text', 'read_lines', 'strict_lines', 'text_problem']

# Longer ones first: the mark of UTF-32 begins with that of UTF-16.
_MARKS = ((b'\xff\xfe\0\0', 'utf-32'), (b'\0\0\xfe\xff', 'utf-32'), (b'\xff\xfe', 'utf-16'),
          (b'\xfe\xff', 'utf-16'))
_NO_UNICODE = re.compile('[\0\ud800-\udfff]')
_NOT_UTF8 = 'is not UTF-8; save the file as UTF-8'


def nfc(text: str) -> str:
    """Unicode's composed form: one code point for a letter with its accents where there is one.

    Not the compatibility form, in which other characters are changed, too.
    """
    return normalize('NFC', text)


def text_problem(text: str) -> str:
    """What makes a text none, to follow its name; '' if nothing does."""
    found = _NO_UNICODE.search(text)
    if found is None:
        return ''
    if found[0] == '\0':
        return ('holds NUL characters; if it is UTF-16 without a byte order mark, save the file as '
                'UTF-8')
    return _NOT_UTF8 if '\udc80' <= found[0] <= '\udcff' else 'holds one half of a surrogate pair'


def open_text(path: str | os.PathLike, backend_args: dict | None = None) -> BinaryIO:
    """Open a file of text, here or of a backend of MMEngine, as a stream of UTF-8.

    A byte order mark is removed; UTF-16 and UTF-32 are told by theirs.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is not what its byte order mark says; names file and line.
    """
    path = os.fspath(path)
    remote = backend_args is not None or re.match(r'\w+://', path)
    file = io.BytesIO(fileio.get(path, backend_args)) if remote else open_file(path)
    start = file.read(4)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            with file:
                return io.BytesIO(_decoded(start + file.read(), encoding, path).encode())
    file.seek(3 if start.startswith(b'\xef\xbb\xbf') else 0)
    return file


def _decoded(data: bytes, encoding: str, path: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[:error.start].decode(encoding, 'replace').count('\n') + 1
        raise ValueError(f'{path}, line {line}: is not {encoding.upper()}, as the byte order mark '
                         f'says ({error.reason}); save the file as UTF-8') from None


def read_lines(path: str | os.PathLike,
               backend_args: dict | None = None) -> Iterator[tuple[int, str]]:
    r"""Numbers, from 1, and lines of a file of text without their ends, \n, \r\n or \r.

    A line may be no text; see :func:`text_problem`. Errors are those of :func:`open_text`.
    """
    with io.TextIOWrapper(open_text(path, backend_args), 'utf-8', 'surrogateescape') as file:
        for number, line in enumerate(file, 1):
            yield number, line.rstrip('\n')


def strict_lines(path: str | os.PathLike) -> Iterator[tuple[int, str]]:
    """Lines as of :func:`read_lines`; a ValueError names file and line of one that is no text."""
    for number, line in read_lines(path):
        problem = text_problem(line)
        if problem:
            raise ValueError(f'{os.fspath(path)}, line {number}: {problem}')
        yield number, line
