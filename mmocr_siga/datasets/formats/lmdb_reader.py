"""Reading of LMDB databases by any number of processes."""
from __future__ import annotations

import itertools
import logging
import os
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.logging import print_log

from ...text.label_rule import label_of

# LMDB forbids opening a database twice in one process: its file to process and environment.
_OPEN: dict[str, tuple[int, Any]] = {}
_BLOCK = 10_000
# Up to this size all pages of a database are checked when it is opened, else the last ones: from
# no other the 16 bits of a wrong offset could lead beyond its end.
_SMALL, _TAIL = 64 << 20, 256 << 10
DAMAGED = 'lies on a damaged page of the database'


def decode_label(label: bytes | None) -> tuple[str | None, str]:
    """A label as of :func:`.label_of`; an empty one is one, but a problem, too."""
    if label is None:
        return None, 'has no label'
    text, problem = label_of(label.decode('utf-8', 'surrogateescape'))
    return text, problem or ('' if text else 'has an empty label')


def open_database(path: str) -> Any:
    """Open a database, given by its folder or file, to read, if it is whole.

    Raises:
        FileNotFoundError: If there is no database.
        ImportError: If the package lmdb is missing.
        ValueError: If it is no database, or has been cut off.
    """
    try:
        import lmdb
    except ImportError as error:
        raise ImportError('LMDB databases need the package lmdb: pip install lmdb') from error
    if not os.path.exists(_file(path)):
        raise FileNotFoundError(f'no LMDB database at {path!r}')
    size = os.path.getsize(_file(path))
    try:
        env = lmdb.open(path, subdir=os.path.isdir(path), readonly=True, lock=False,
                        readahead=False, meminit=False)
        page_size = env.stat()['psize']
        needed = (env.info()['last_pgno'] + 1) * page_size
    except lmdb.Error as error:
        raise ValueError(f'{path} cannot be opened as an LMDB database ({error}): was copying it '
                         f'interrupted? It has {size:,} bytes') from error
    # Reading a page beyond the end of the file would end the process without a word.
    if size < needed:
        env.close()
        raise ValueError(f'{path} is cut off: it has {size:,} bytes of {needed:,}; copy it again')
    page = _damaged_page(_file(path), page_size)
    if page is not None:
        env.close()
        raise ValueError(f'{path} is damaged: page {page:,}, at byte {page * page_size:,} of its '
                         'file; copy it again')
    return env


def _damaged_page(file: str, size: int) -> int | None:
    """The first page, of a large database of the last ones, whose entries lie outside of it.

    Followed from there, they could lead beyond the end of the file.
    """
    with open(file, 'rb') as data:
        end = os.path.getsize(file) // size
        start = 0 if end * size <= _SMALL else end - _TAIL // size
        data.seek(start * size)
        return next((number for number in range(start, end)
                     if _is_damaged(data.read(size), number)), None)


def _is_damaged(page: bytes, number: int) -> bool:
    """Whether that is a page of the tree, and its header or an entry is wrong (LMDB 0.9)."""
    own, _, flags, lower, upper = struct.unpack_from('<QHHHH', page)
    if own != number or not flags & 3:  # part of a value, or free
        return False
    if not 16 <= lower <= upper <= len(page):
        return True
    for place in struct.unpack_from(f'<{(lower - 16) // 2}H', page, 16):
        if not upper <= place <= len(page) - 8:
            return True
        low, high, kind, key = struct.unpack_from('<HHHH', page, place)
        value = 0 if flags & 1 else 8 if kind & 1 else low | high << 16
        if place + 8 + key + value > len(page):
            return True
    return False


def _file(path: str) -> str:
    return os.path.realpath(os.path.join(path, 'data.mdb') if os.path.isdir(path) else path)


def _shown(value: bytes | None) -> str:
    return repr(value if value is None else value[:40])


class LMDBReader:
    """Read-only LMDB database, a folder or file, that each process opens for itself, on first use.

    An open environment must not be used across a fork and cannot be pickled; this object may be.
    Readers of the same database share one. All methods raise the errors of :func:`open_database`,
    and an OSError if a page is damaged.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def get(self, *keys: str) -> list[bytes | None]:
        """Values of keys, None where there is none."""
        env = self._environment()
        import lmdb
        try:
            # What a damaged page gives is not copied before it is looked at.
            with env.begin(buffers=True) as transaction:
                found = [transaction.get(key.encode()) for key in keys]
                size = os.path.getsize(_file(self.path))
                if any(value is not None and len(value) > size for value in found):
                    raise lmdb.CorruptedError('a value is larger than the file')
                return [None if value is None else bytes(value) for value in found]
        except lmdb.Error as error:
            raise OSError(f'{self.path}: {keys[0]} cannot be read: {error}') from error

    def count(self) -> int:
        """Number of samples; logged is how many others there are, which are left out.

        A ValueError if ``num-samples`` is missing, no number, 0, or more than there are entries.
        """
        number, = self.get('num-samples')
        if number is None or not number.isdigit() or not number.strip(b'0'):
            raise ValueError(f'{self.path} holds no words: num-samples is {_shown(number)}; was '
                             'writing it interrupted?')
        entries = self._environment().stat()['entries'] - 1
        if len(number) > 18 or int(number) > entries:
            raise ValueError(f'{self.path}: num-samples is {_shown(number)}, but there are only '
                             f'{entries:,} other entries; is it damaged, or was copying it '
                             'interrupted?')
        more = self._count_from(b'image-%09d' % (int(number) + 1))
        if more:
            print_log(f'{self.path}: num-samples is {int(number):,}, but there are {more:,} images '
                      'with higher numbers; they are left out', 'current', logging.WARNING)
        return int(number)

    def _count_from(self, key: bytes) -> int:
        """Number of images from a key on."""
        import lmdb
        try:
            with self._environment().begin() as transaction:
                cursor = transaction.cursor()
                return sum(1 for _ in itertools.takewhile(
                    lambda found: found.startswith(b'image-'),
                    cursor.iternext(values=False) if cursor.set_range(key) else ()))
        except lmdb.Error as error:
            raise OSError(f'{self.path}: {key.decode()} cannot be read: {error}') from error

    def labels(self, numbers: Sequence[int] | None = None) -> Iterator[tuple[str | None, str]]:
        """Labels of samples, all or those of ``numbers`` from 1, as of :func:`decode_label`."""
        numbers = range(1, self.count() + 1) if numbers is None else numbers
        # A transaction for each block: a generator may be left unfinished.
        for start in range(0, len(numbers), _BLOCK):
            keys = [f'label-{i:09d}' for i in numbers[start:start + _BLOCK]]
            try:
                yield from map(decode_label, self.get(*keys))
            except OSError:
                yield from map(self._label, keys)

    def _label(self, key: str) -> tuple[str | None, str]:
        try:
            return decode_label(*self.get(key))
        except OSError:
            return None, DAMAGED

    def version(self) -> dict[str, int]:
        """What changes with the content: last transaction, size and time of change."""
        stat = os.stat(_file(self.path))
        return dict(transaction=self._environment().info()['last_txnid'], size=stat.st_size,
                    changed=stat.st_mtime_ns)

    def close(self) -> None:
        """Close the database in this process; the next read opens it again."""
        _, env = _OPEN.pop(_file(self.path), (None, None))
        if env is not None:
            env.close()

    def _environment(self) -> Any:
        file = _file(self.path)
        pid, env = _OPEN.get(file, (None, None))
        if pid != os.getpid():
            # What a fork has left is closed for this process only.
            self.close()
            env = open_database(self.path)
            _OPEN[file] = os.getpid(), env
        return env
