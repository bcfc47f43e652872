"""Reading of LMDB databases by any number of processes."""
from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

__all__ = ['LMDBReader', 'database_file', 'open_database']

# LMDB forbids opening a database twice in one process: path to process and environment.
_OPEN: dict[str, tuple[int, Any]] = {}


def database_file(path: str) -> str:
    """The file of a database that is given by its folder or its file.

    Raises:
        FileNotFoundError: If there is none.
    """
    file = os.path.join(path, 'data.mdb') if os.path.isdir(path) else path
    if not os.path.exists(file):
        raise FileNotFoundError(f'no LMDB database at {path!r}')
    return file


def open_database(path: str) -> Any:
    """Open a database to read, if it is whole.

    Args:
        path (str): Folder of the database, or its file.

    Returns:
        lmdb.Environment: The open database.

    Raises:
        FileNotFoundError: If there is no database.
        ImportError: If the package lmdb is missing.
        ValueError: If it is no database, or has been cut off.
    """
    try:
        import lmdb
    except ImportError as error:
        raise ImportError('LMDB databases need the package lmdb: pip install lmdb') from error
    size = os.path.getsize(database_file(path))
    try:
        env = lmdb.open(
            path,
            subdir=os.path.isdir(path),
            readonly=True,
            lock=False,
            readahead=False,
            meminit=False)
        needed = (env.info()['last_pgno'] + 1) * env.stat()['psize']
    except lmdb.Error as error:
        raise ValueError(f'{path} cannot be opened as an LMDB database ({error}): was copying it '
                         f'interrupted? It has {size:,} bytes') from error
    # Reading a page beyond the end of the file would end the process without a word.
    if size < needed:
        env.close()
        raise ValueError(f'{path} is cut off: it has {size:,} bytes of {needed:,}; copy it again')
    return env


class LMDBReader:
    """Read-only LMDB database that each process opens for itself, on first use.

    An open environment must not be used across a fork and cannot be pickled; this object may be.
    Readers of the same database share one environment.

    Args:
        path (str): Folder of the database, or its file.
    """

    def __init__(self, path: str) -> None:
        self.path = path

    def get(self, *keys: str) -> list[bytes | None]:
        """Values of keys, None where there is none.

        Raises:
            FileNotFoundError: If there is no database.
            ImportError: If the package lmdb is missing.
            OSError: If a page of it is damaged.
            ValueError: If it is no database, or has been cut off.
        """
        env = self._environment()
        import lmdb
        try:
            with env.begin() as transaction:
                return [transaction.get(key.encode()) for key in keys]
        except lmdb.Error as error:
            raise OSError(f'{self.path}: {keys[0]} cannot be read: {error}') from error

    def count(self) -> int:
        """Number of samples, at least 1.

        Raises:
            ValueError: If ``num-samples`` is missing, no number or 0, and as for :meth:`get`.
        """
        number, = self.get('num-samples')
        if number is None or not number.isdigit() or int(number) < 1:
            raise ValueError(f'{self.path} holds no words: num-samples is {number!r}; was writing '
                             'it interrupted?')
        return int(number)

    def labels(self) -> Iterator[bytes | None]:
        """Labels in the order of their numbers, None where there is none.

        Raises:
            OSError, ValueError: As for :meth:`get` and :meth:`count`.
        """
        # A transaction for each block: a generator may be left unfinished.
        count = self.count()
        for start in range(1, count + 1, 10_000):
            stop = min(start + 10_000, count + 1)
            yield from self.get(*(f'label-{i:09d}' for i in range(start, stop)))

    def version(self) -> dict[str, int]:
        """What changes with the content: last transaction, size and time of change."""
        stat = os.stat(database_file(self.path))
        return dict(transaction=self._environment().info()['last_txnid'], size=stat.st_size,
                    changed=stat.st_mtime_ns)

    def close(self) -> None:
        """Close the database in this process; the next read opens it again."""
        _, env = _OPEN.pop(os.path.realpath(self.path), (None, None))
        if env is not None:
            env.close()

    def _environment(self) -> Any:
        pid, env = _OPEN.get(os.path.realpath(self.path), (None, None))
        if pid != os.getpid():
            # What a fork has left is closed for this process only.
            self.close()
            env = open_database(self.path)
            _OPEN[os.path.realpath(self.path)] = os.getpid(), env
        return env
