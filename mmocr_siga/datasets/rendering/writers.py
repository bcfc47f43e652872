"""Stores words: a folder with a table, or an LMDB file in the layout the field uses."""
from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np


def encode(picture: np.ndarray, suffix: str = '.jpg', quality: int = 92) -> bytes:
    """Encode a picture.

    Args:
        picture (ndarray): uint8, (H, W) or BGR (H, W, 3).
        suffix (str): '.jpg' or '.png'. Defaults to '.jpg'.
        quality (int): JPEG quality. Defaults to 92.

    Returns:
        bytes: The encoded file.
    """
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == '.jpg' else []
    return cv2.imencode(suffix, picture, flags)[1].tobytes()


class _Writer:
    """Common part: a context manager that finishes on a clean exit."""

    def add(self, image: bytes, text: str, mask: bytes | None = None) -> None:
        """Store a word: its encoded image, its label and, if any, its encoded PNG glyph mask."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what is pending."""
        raise NotImplementedError

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


class FolderWriter(_Writer):
    """Writes ``images/<split>_<number>.<suffix>`` and ``<split>.tsv`` (``images/name TAB text``).

    Args:
        out (path): Folder; made if missing.
        split (str): Name of the split.
        suffix (str): '.jpg' or '.png'. Defaults to '.jpg'.

    Raises:
        OSError: If the folder can't be written.
    """

    def __init__(self, out: os.PathLike, split: str, suffix: str = '.jpg') -> None:
        self.out, self.split, self.suffix = Path(out), split, suffix
        (self.out / 'images').mkdir(parents=True, exist_ok=True)
        self._table = open(self.out / f'{split}.tsv', 'w', encoding='utf-8', newline='\n')
        self._count = 0

    def add(self, image: bytes, text: str, mask: bytes | None = None) -> None:
        self._count += 1
        name = f'{self.split}_{self._count:07d}'
        (self.out / 'images' / (name + self.suffix)).write_bytes(image)
        if mask is not None:
            (self.out / 'masks').mkdir(exist_ok=True)
            (self.out / 'masks' / (name + '.png')).write_bytes(mask)
        self._table.write(f'images/{name}{self.suffix}\t{text}\n')

    def close(self) -> None:
        self._table.close()


class LmdbWriter(_Writer):
    """Writes ``image-%09d``, ``label-%09d`` (from 1; UTF-8) and ``num-samples``.

    Glyph masks go to ``mask-%09d``. The file grows as needed: the map starts small and is doubled
    when it is full, so no huge file is reserved where sparse files are not known.

    Args:
        out (path): Folder of the LMDB file; made if missing.
        map_size (int): First size of the map in bytes. Defaults to 64 MiB.
        batch (int): Words per transaction. Defaults to 500.

    Raises:
        ImportError: If ``lmdb`` is not installed.
        FileExistsError: If there is an LMDB file already.
    """

    def __init__(self, out: os.PathLike, map_size: int = 64 << 20, batch: int = 500) -> None:
        try:
            import lmdb
        except ImportError as error:
            raise ImportError('writing LMDB needs the package lmdb: pip install lmdb') from error
        if (Path(out) / 'data.mdb').exists():
            raise FileExistsError(f'{str(out)!r} holds an LMDB file already; remove it or choose '
                                  'another folder')
        Path(out).mkdir(parents=True, exist_ok=True)
        self._full = lmdb.MapFullError
        self._env = lmdb.open(str(out), map_size=map_size)
        self._batch, self._count = batch, 0
        self._pending: dict[bytes, bytes] = {}

    def add(self, image: bytes, text: str, mask: bytes | None = None) -> None:
        self._count += 1
        self._pending[b'image-%09d' % self._count] = image
        self._pending[b'label-%09d' % self._count] = text.encode('utf-8')
        if mask is not None:
            self._pending[b'mask-%09d' % self._count] = mask
        if self._count % self._batch == 0:
            self._flush()

    def _flush(self) -> None:
        self._pending[b'num-samples'] = str(self._count).encode()
        entries: list = sorted(self._pending.items())
        while True:
            try:
                with self._env.begin(write=True) as transaction:
                    for key, value in entries:
                        transaction.put(key, value)
                break
            except self._full:
                self._env.set_mapsize(2 * self._env.info()['map_size'])
        self._pending = {}

    def close(self) -> None:
        self._flush()
        self._env.close()
