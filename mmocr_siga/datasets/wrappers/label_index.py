"""Labels of a large database in flat arrays, kept in a file between runs.

N: labels; B: bytes of all labels together.
"""
from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

__all__ = ['LabelIndex', 'Selection', 'cache_folder', 'load_index']

_HEADER = 4096
_MAGIC = 'mmocr_siga labels 1'
_BLOCK = 1 << 18
_PROGRESS_EVERY = 1_000_000
PRESENT, MISSING, NOT_UTF8 = 0, 1, 2


def cache_folder() -> Path:
    """Folder for what can be made again: ``$XDG_CACHE_HOME/mmocr_siga`` or below ``~/.cache``."""
    return Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'mmocr_siga'


class Selection:
    """Which labels are kept, and why the others are not.

    Args:
        kept (ndarray): bool of shape (N, ).
        reasons (dict[str, ndarray]): Reason to the indices left out for it.
    """

    def __init__(self, kept: np.ndarray, reasons: dict[str, np.ndarray]) -> None:
        self.kept = kept
        self.reasons = reasons


class LabelIndex:
    """Labels as bytes and offsets: no Python object per label, so that workers share the memory.

    Args:
        starts (ndarray): int64 of shape (N + 1, ): where each label begins, and the end.
        state (ndarray): uint8 of shape (N, ): 0 for a label, 1 for none, 2 for bytes that are
            not UTF-8.
        text (ndarray): uint8 of shape (B, ): the labels in UTF-8.
        file (str, optional): File that the arrays are mapped from. Defaults to None.
    """

    def __init__(self, starts: np.ndarray, state: np.ndarray, text: np.ndarray,
                 file: str | None = None) -> None:
        self.starts, self.state, self.text, self.file = starts, state, text, file

    @classmethod
    def build(cls, labels: Iterable[bytes | None], count: int = 0,
              name: str = 'labels') -> LabelIndex:
        """Read all labels.

        Args:
            labels (iterable): Encoded labels, None for none.
            count (int): How many there are, for progress in the log. Defaults to 0, unknown.
            name (str): Name for the log. Defaults to 'labels'.

        Returns:
            LabelIndex: In memory.
        """
        text, ends, state = bytearray(), _Growing(np.int64), _Growing(np.uint8)
        for i, label in enumerate(labels):
            if i and i % _PROGRESS_EVERY == 0:
                print_log(f'Indexing {name}: {i:,} of {count:,}', logger='current')
            kind = MISSING if label is None else PRESENT
            if label:
                try:
                    label.decode('utf-8')
                    text += label
                except UnicodeDecodeError:
                    kind = NOT_UTF8
            ends.append(len(text))
            state.append(kind)
        starts = np.concatenate([np.zeros(1, np.int64), ends.array()])
        return cls(starts, state.array(), np.frombuffer(bytes(text), np.uint8))

    def __len__(self) -> int:
        return len(self.state)

    def __getitem__(self, index: int) -> str | None:
        if self.state[index] != PRESENT:
            return None
        return self.text[self.starts[index]:self.starts[index + 1]].tobytes().decode('utf-8')

    def __deepcopy__(self, memo: dict) -> LabelIndex:
        return self  # never changed

    def __getstate__(self) -> dict[str, Any]:
        # A worker that is spawned maps the file again instead of getting a copy.
        return {'file': self.file} if self.file else dict(self.__dict__)

    def __setstate__(self, state: dict[str, Any]) -> None:
        if len(state) > 1:
            self.__dict__.update(state)
            return
        other = _map_file(state['file'], None)
        if other is None:
            raise OSError(f'{state["file"]} is gone or damaged; start again')
        self.__dict__.update(other.__dict__)

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Samples, their starts within a block, and the block's bytes."""
        for first in range(0, len(self), _BLOCK):
            part = slice(first, min(first + _BLOCK, len(self)))
            starts = np.asarray(self.starts[first:part.stop + 1])
            yield part, starts - starts[0], np.asarray(self.text[starts[0]:starts[-1]])

    def select(self, min_length: int = 0, max_length: int | None = None,
               characters: Iterable[str] | None = None,
               letter_case: str = 'unchanged') -> Selection:
        """Choose labels by length and characters; missing and undecodable ones are left out.

        Args:
            min_length (int): Least number of characters. Defaults to 0.
            max_length (int, optional): Most characters. Defaults to None, any number.
            characters (iterable[str], optional): Characters that a label may hold. Defaults to
                None, all.
            letter_case (str): 'lower' or 'upper': judge the label in this case. Defaults to
                'unchanged'.

        Returns:
            Selection: Which to keep, and why not the others.
        """
        known = None if characters is None else _Alphabet(characters, letter_case)
        lengths = np.empty(len(self), np.int32)
        foreign = np.zeros(len(self), bool)
        for part, starts, data in self._blocks():
            lengths[part] = _counts((data & 0xC0) != 0x80, starts)
            if known is not None:
                foreign[part] = _counts(known.surely_foreign[data], starts) > 0
                unsure = np.flatnonzero((_counts(data >= 0x80, starts) > 0) & ~foreign[part])
                for i in unsure:
                    label = data[starts[i]:starts[i + 1]].tobytes().decode('utf-8')
                    foreign[part.start + i] = not known.holds(label)
        state = np.asarray(self.state)
        # In this order: a label is left out for the first reason that applies.
        tests = {'are missing': state == MISSING, 'are not UTF-8': state == NOT_UTF8,
                 'are empty' if min_length == 1 else f'are shorter than {min_length} characters':
                     lengths < min_length,
                 f'are longer than {max_length} characters':
                     lengths > (np.iinfo(np.int32).max if max_length is None else max_length),
                 'contain unknown characters': foreign}
        kept, reasons = np.ones(len(self), bool), {}
        for reason, hit in tests.items():
            hit = hit & kept
            if hit.any():
                reasons[reason] = np.flatnonzero(hit)
                kept &= ~hit
        return Selection(kept, reasons)

    def save(self, path: os.PathLike, version: dict) -> None:
        """Write the index; the file is complete or not there.

        Args:
            path (path): File to write; its folder is made if missing.
            version (dict): What the database was like, for :func:`load_index`.

        Raises:
            OSError: If it cannot be written.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        header = json.dumps(dict(magic=_MAGIC, version=version, labels=len(self),
                                 bytes=int(self.starts[-1])))
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(header.encode().ljust(_HEADER))
                for array in (self.starts, self.state, self.text):
                    array.tofile(file)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise


class _Growing:
    """A list of numbers in blocks of an array."""

    def __init__(self, dtype: type) -> None:
        self._dtype, self._blocks, self._last = dtype, [], []

    def append(self, value: int) -> None:
        self._last.append(value)
        if len(self._last) == _BLOCK:
            self._blocks.append(np.array(self._last, self._dtype))
            self._last = []

    def array(self) -> np.ndarray:
        return np.concatenate([*self._blocks, np.array(self._last, self._dtype)])


class _Alphabet:
    """Tells labels with other characters, ASCII by a table of bytes."""

    def __init__(self, characters: Iterable[str], letter_case: str) -> None:
        if letter_case not in ('lower', 'upper', 'unchanged'):
            raise ValueError("letter_case must be 'lower', 'upper' or 'unchanged', but is "
                             f'{letter_case!r}')
        self._characters = frozenset(characters)
        self._case = {'lower': str.lower, 'upper': str.upper, 'unchanged': str}[letter_case]
        self.surely_foreign = np.zeros(256, bool)
        self.surely_foreign[:128] = [not self.holds(chr(i)) for i in range(128)]

    def holds(self, label: str) -> bool:
        return self._characters.issuperset(self._case(label))


def _counts(marks: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Marks, bool (B, ), in each stretch between ``starts`` (n + 1, ): int64 (n, )."""
    total = np.concatenate([[0], np.cumsum(marks, dtype=np.int64)])
    return np.diff(total[starts])


def _map_file(path: os.PathLike | str, version: dict | None) -> LabelIndex | None:
    """The index in a file, None if there is none, it is damaged or of another version."""
    try:
        with open(path, 'rb') as file:
            header = json.loads(file.read(_HEADER))
            size = os.fstat(file.fileno()).st_size
        count, text = int(header['labels']), int(header['bytes'])
        if header['magic'] != _MAGIC or (version is not None and header['version'] != version):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if size != _HEADER + 8 * (count + 1) + count + text:
        return None
    starts = np.memmap(path, np.int64, 'r', _HEADER, (count + 1, ))
    state = np.memmap(path, np.uint8, 'r', _HEADER + 8 * (count + 1), (count, ))
    data = (np.memmap(path, np.uint8, 'r', _HEADER + 8 * (count + 1) + count, (text, ))
            if text else np.zeros(0, np.uint8))
    if int(starts[-1]) != text:
        return None
    return LabelIndex(starts, state, data, str(path))


def load_index(database: str, version: dict, labels: Iterable[bytes | None], count: int,
               cache: str | bool | None = None, least: int = 100_000) -> LabelIndex:
    """The labels of a database: from its cache file, if that is of this version, or read anew.

    Args:
        database (str): Folder or file of the database.
        version (dict): What changes with its content.
        labels (iterable): Its labels, read if need be.
        count (int): How many there are.
        cache (str or bool, optional): A folder for the cache file, or False for none. Defaults to
            None: for ``least`` labels or more a file beside the database, or, where that cannot
            be written, below :func:`cache_folder`.
        least (int): See ``cache``. Defaults to 100,000.

    Returns:
        LabelIndex: Mapped from the file, or in memory.
    """
    if cache is False or (cache is None and count < least):
        return LabelIndex.build(labels, count, database)
    paths = _cache_files(database, cache)
    for path in paths:
        index = _map_file(path, version)
        if index is not None:
            return index
    index = LabelIndex.build(labels, count, database)
    for path in paths:
        try:
            index.save(path, version)
        except OSError as error:
            print_log(f'The labels of {database} cannot be kept in {path}: {error}',
                      logger='current')
            continue
        return _map_file(path, version) or index
    return index


def _cache_files(database: str, cache: str | bool | None) -> list[Path]:
    real = os.path.realpath(database)
    name = f'{Path(real).name}-{hashlib.sha256(real.encode()).hexdigest()[:16]}.labels'
    if isinstance(cache, (str, os.PathLike)):
        return [Path(cache) / name]
    beside = Path(real) / 'words.labels' if os.path.isdir(real) else Path(f'{real}.labels')
    return [beside, cache_folder() / 'labels' / name]
