"""Stores words: a folder with a table, or an LMDB file in the layout the field uses.

What is being written has another name until it is complete: ``.partial`` is added, and the number
of samples is the last entry of a database.
"""
from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ...images import image_suffix

PARTIAL = '.partial'


def boxes_text(boxes: np.ndarray | list) -> str:
    """Character boxes (L, 4) as ``x,y,width,height;...``."""
    return ';'.join(','.join(str(int(v)) for v in box) for box in boxes)


def parse_boxes(text: str) -> list[list[int]]:
    """Inverse of :func:`boxes_text`."""
    return [[int(v) for v in box.split(',')] for box in text.split(';')] if text else []


def partial(path: os.PathLike) -> Path:
    """The name that something has until it is complete."""
    return Path(f'{os.fspath(path)}{PARTIAL}')


class WordWriter(contextlib.AbstractContextManager):
    """Common part: a context manager that completes the set of ``count`` words on a clean exit.

    After an error what has been written is removed, unless ``resume`` is set, in which case it
    stays under its other name, to be gone on with.
    """

    def __init__(self, resume: bool = False) -> None:
        self.resume = resume
        self.count = 0

    def add(self, image: bytes, text: str, mask: bytes | None = None,
            boxes: np.ndarray | list | None = None) -> None:
        """Store a word: encoded image and glyph mask (PNG), character boxes (L, 4) as x, y, w, h.

        An OSError if it cannot be written, as when the disk is full.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """Make what has been added last, should the process be killed."""

    def close(self) -> None:
        """Complete the set."""
        raise NotImplementedError

    def abort(self) -> None:
        """Give the set up."""
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is not None:
            self.abort()
            return
        try:
            self.close()
        except BaseException:
            self.abort()
            raise


class JournalWriter(WordWriter):
    """Common part of those that write files: a journal with a line for each sample, of which the
    tables are made when the set is complete."""

    def __init__(self, out: os.PathLike, name: str, resume: bool) -> None:
        super().__init__(resume)
        self.out = Path(out)
        self.out.mkdir(parents=True, exist_ok=True)
        self._journal_path = partial(self.out / f'{name}.rows')
        size = 0
        if resume and self._journal_path.exists():
            self.count, size = _complete_rows(self._journal_path)
        self._journal = open(self._journal_path, 'ab' if size else 'wb')
        # A row that was cut off is written again.
        self._journal.truncate(size)

    def _note(self, row: dict[str, Any]) -> None:
        self._journal.write(json.dumps(row, ensure_ascii=False).encode() + b'\n')
        self.count += 1

    def flush(self) -> None:
        self._journal.flush()

    def _rows(self) -> Iterator[dict]:
        with open(self._journal_path, encoding='utf-8', newline='\n') as journal:
            yield from map(json.loads, journal)

    def _tables(self) -> dict[Path, Iterable[str]]:
        raise NotImplementedError

    def close(self) -> None:
        self._journal.close()
        tables = self._tables()
        for path, lines in tables.items():
            with open(partial(path), 'w', encoding='utf-8', newline='\n') as file:
                file.writelines(lines)
        for path in tables:
            # Words without character boxes have no table of them.
            if path.name.endswith('_char_boxes.tsv') and not partial(path).stat().st_size:
                partial(path).unlink()
            else:
                os.replace(partial(path), path)
        self._journal_path.unlink()

    def abort(self) -> None:
        with contextlib.suppress(OSError):  # on a full disk the last rows cannot be written
            self._journal.close()
        if not self.resume:
            self._remove()

    def _remove(self) -> None:
        """Remove what has been written."""
        raise NotImplementedError


class FolderWriter(JournalWriter):
    """Writes ``images/<split>_<number>.<suffix>`` and a table of them.

    The table is ``<split>.tsv`` (``images/name TAB text``) or MMOCR's ``textrecog_<split>.json``;
    or there is a text file beside each image ('txt'). Character boxes go to
    ``<split>_char_boxes.tsv`` (``images/name TAB text TAB x,y,w,h;...``) or, as ``char_boxes``,
    into the JSON; glyph masks to ``masks/<split>_<number>.png``. The tables appear when the set is
    complete.

    Args:
        suffix: '.jpg' or '.png'; '' tells it from the first bytes of each image.
        per_folder: Images in one folder ``images/<number>/``; 0 puts all into ``images``.

    Raises:
        OSError: If the folder can't be written.
        ValueError: If ``table`` is another.
    """

    def __init__(self, out: os.PathLike, split: str, suffix: str = '.jpg', table: str = 'tsv',
                 per_folder: int = 0, resume: bool = False) -> None:
        if table not in ('tsv', 'json', 'txt'):
            raise ValueError(f"table must be 'tsv', 'json' or 'txt', but is {table!r}")
        super().__init__(out, split, resume)
        self.split, self.suffix = split, suffix
        self.table, self.per_folder = table, per_folder
        (self.out / 'images').mkdir(exist_ok=True)

    def add(self, image: bytes, text: str, mask: bytes | None = None,
            boxes: np.ndarray | list | None = None) -> None:
        unfit = {'tsv': '\t\n\r', 'txt': '\n\r\ufeff', 'json': ''}[self.table]
        if any(char in text for char in unfit):
            raise ValueError(f'the label {text!r} holds a tab or a line break, which only '
                             "table='json' can")
        name = f'{self.split}_{self.count + 1:07d}'
        if self.per_folder:
            name = f'{self.count // self.per_folder:05d}/{name}'
        suffix = self.suffix or image_suffix(image) or '.img'
        row: dict[str, Any] = {'img_path': f'images/{name}{suffix}',
                               'instances': [{'text': text}]}
        _write_file(self.out / row['img_path'], image)
        if self.table == 'txt':
            _write_file((self.out / row['img_path']).with_suffix('.txt'), text.encode())
        if mask is not None:
            row['mask_path'] = f'masks/{name}.png'
            _write_file(self.out / row['mask_path'], mask)
        if boxes is not None:
            row['instances'][0]['char_boxes'] = [[int(v) for v in box] for box in boxes]
        self._note(row)

    def _tables(self) -> dict[Path, Iterable[str]]:
        def word(row: dict) -> str:
            return f'{row["img_path"]}\t{row["instances"][0]["text"]}'

        if self.table == 'txt':
            return {}
        if self.table == 'json':
            head = ('{"metainfo": {"dataset_type": "TextRecogDataset", "task_name": "textrecog"},\n'
                    '"data_list": [')
            rows = ((',\n' if i else '\n') + json.dumps(row, ensure_ascii=False)
                    for i, row in enumerate(self._rows()))
            return {self.out / f'textrecog_{self.split}.json': chain([head], rows, ['\n]}\n'])}
        boxes = (f'{word(row)}\t{boxes_text(row["instances"][0]["char_boxes"])}\n'
                 for row in self._rows() if 'char_boxes' in row['instances'][0])
        return {self.out / f'{self.split}_char_boxes.tsv': boxes,
                self.out / f'{self.split}.tsv': (f'{word(row)}\n' for row in self._rows())}

    def _remove(self) -> None:
        own = re.compile(re.escape(self.split) + r'_\d{7,}\.\w+')
        for folder in ('images', 'masks'):
            for path in (self.out / folder).rglob(f'{self.split}_*'):
                if own.fullmatch(path.name):
                    path.unlink()
        for path in self.out.glob(f'*{PARTIAL}'):
            if path.name.startswith((f'{self.split}.', f'{self.split}_char_boxes.',
                                     f'textrecog_{self.split}.')):
                path.unlink()


class PairWriter(JournalWriter):
    """Writes pairs of words in one style in the layout that MOSTEL (Qu et al., AAAI 2023) reads.

    In folders, with one name each, as PNG: ``i_s``, the source, ``t_f``, the target, ``t_b``, their
    background, and ``mask_s`` and ``mask_t``, 255 on the text of either; in ``txt`` a file with the
    target's text. When the set is complete there are ``i_t.txt`` with the targets' texts,
    ``name text`` a line, which must not hold blanks, and ``i_s.txt`` with those of the sources.
    """

    folders = ('i_s', 't_f', 't_b', 'mask_s', 'mask_t')
    table = 'i_t.txt'

    def __init__(self, out: os.PathLike, resume: bool = False) -> None:
        super().__init__(out, 'pairs', resume)

    def add(self, pictures: Sequence[bytes], texts: Sequence[str]) -> None:
        """Store a pair: PNGs in the order of ``folders``, and the texts of source and target.

        A ValueError for a text that is empty or holds a blank, an OSError if it cannot be written.
        """
        unfit = [text for text in texts if text.split() != [text]]
        if unfit:
            raise ValueError(f'the label {unfit[0]!r} is empty or holds a blank, by which the '
                             'tables of pairs are divided')
        name = f'{self.count + 1:07d}'
        for folder, picture in zip(self.folders, pictures):
            _write_file(self.out / folder / f'{name}.png', picture)
        _write_file(self.out / 'txt' / f'{name}.txt', f'{texts[1]}\n'.encode())
        self._note(dict(name=f'{name}.png', source=texts[0], target=texts[1]))

    def _tables(self) -> dict[Path, Iterable[str]]:
        def lines(key: str) -> Iterator[str]:
            return (f'{row["name"]} {row[key]}\n' for row in self._rows())

        return {self.out / 'i_s.txt': lines('source'), self.out / self.table: lines('target')}

    def _remove(self) -> None:
        for folder in (*self.folders, 'txt'):
            for path in (self.out / folder).glob('[0-9]*'):
                if re.fullmatch(r'\d{7,}\.(png|txt)', path.name):
                    path.unlink()
        for name in ('pairs.rows', 'i_s.txt', self.table):
            partial(self.out / name).unlink(missing_ok=True)


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _complete_rows(path: Path) -> tuple[int, int]:
    """Number of complete lines of a journal, and their size in bytes."""
    count = size = 0
    with open(path, 'rb') as file:
        for line in file:
            if not line.endswith(b'\n'):
                break
            count, size = count + 1, size + len(line)
    return count, size


class LmdbWriter(WordWriter):
    """Writes ``image-%09d``, ``label-%09d`` (from 1; UTF-8) and, last, ``num-samples``.

    Glyph masks go to ``mask-%09d``, character boxes to ``boxes-%09d`` (``x,y,w,h;...``). The map
    starts with ``map_size`` bytes and is doubled when it is full, so no huge file is reserved where
    sparse files are not known. ``check`` is called with the folder when all is written, before it
    gets its name; what it raises gives the set up.

    Raises:
        ImportError: If ``lmdb`` is not installed.
        FileExistsError: If there is an LMDB file already, or ``out`` is a file.
        OSError: If the folder can't be written.
    """

    _progress = b'words-written'

    def __init__(self, out: os.PathLike, map_size: int = 64 << 20, batch: int = 500,
                 resume: bool = False, check: Callable[[Path], None] | None = None) -> None:
        super().__init__(resume)
        try:
            import lmdb
        except ImportError as error:
            raise ImportError('writing LMDB needs the package lmdb: pip install lmdb') from error
        self.out = Path(out)
        if (self.out / 'data.mdb').exists() or self.out.is_file():
            refuse_existing(self.out, 'an LMDB file')
        self._folder = partial(self.out)
        if self._folder.exists() and not resume:
            shutil.rmtree(self._folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lmdb, self._check, self._batch = lmdb, check, batch
        self._pending: dict[bytes, bytes] = {}
        file = self._folder / 'data.mdb'
        size = file.stat().st_size if file.exists() else 0
        try:
            self._env = lmdb.open(str(self._folder), map_size=max(map_size, 2 * size))
            with self._env.begin() as view:
                self.count = int(view.get(self._progress, b'0'))
        except lmdb.Error as error:
            raise OSError(f'{self._folder} cannot be written as an LMDB database: {error}'
                          ) from error

    def add(self, image: bytes, text: str, mask: bytes | None = None,
            boxes: np.ndarray | list | None = None) -> None:
        self.count += 1
        self._pending[b'image-%09d' % self.count] = image
        self._pending[b'label-%09d' % self.count] = text.encode('utf-8')
        if mask is not None:
            self._pending[b'mask-%09d' % self.count] = mask
        if boxes is not None:
            self._pending[b'boxes-%09d' % self.count] = boxes_text(boxes).encode()
        if self.count % self._batch == 0:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            self._put({**self._pending, self._progress: str(self.count).encode()})
            self._pending = {}

    def _put(self, entries: dict[bytes, bytes], remove: bytes | None = None) -> None:
        while True:
            try:
                with self._env.begin(write=True) as transaction:
                    for key, value in sorted(entries.items()):
                        transaction.put(key, value)
                    if remove is not None:
                        transaction.delete(remove)
                return
            except self._lmdb.MapFullError:
                self._env.set_mapsize(2 * self._env.info()['map_size'])
            except self._lmdb.Error as error:
                raise OSError(f'{self._folder} cannot be written (is the disk full?): {error}'
                              ) from error

    def close(self) -> None:
        self.flush()
        self._put({b'num-samples': str(self.count).encode()}, self._progress)
        self._env.close()
        (self._folder / 'lock.mdb').unlink(missing_ok=True)
        if self._check is not None:
            self._check(self._folder)
        publish(self._folder, self.out)

    def abort(self) -> None:
        self._env.close()
        if not self.resume:
            shutil.rmtree(self._folder, ignore_errors=True)


def refuse_existing(out: Path, what: str = 'files') -> None:
    """Raise FileExistsError if something, but an empty folder, stands where a set is to be."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not out.is_dir():
        raise FileExistsError(f'{str(out)!r} is a file; choose a folder')
    raise FileExistsError(f'{str(out)!r} holds {what} already; remove it or choose '
                          'another folder')


def publish(folder: Path, out: Path) -> None:
    """Give a complete folder its name, or move what is in it into a folder of that name."""
    if not out.is_dir():
        os.replace(folder, out)
        return
    # A database is there when its file is, so that comes last.
    for path in sorted(folder.iterdir(), key=lambda path: path.name == 'data.mdb'):
        os.replace(path, out / path.name)
    folder.rmdir()
