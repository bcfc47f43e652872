"""Word images in an LMDB database, read by any number of processes."""
from __future__ import annotations

import os
from typing import Any

import mmcv
from mmocr.datasets import RecogLMDBDataset
from mmocr.registry import DATASETS

__all__ = ['LMDBReader', 'WordLMDBDataset']


# LMDB forbids opening a database twice in one process: path to process and environment.
_OPEN: dict[str, tuple[int, Any]] = {}


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
            OSError: If it cannot be opened.
            ImportError: If the package lmdb is missing.
        """
        with self._environment().begin() as transaction:
            return [transaction.get(key.encode()) for key in keys]

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
            env = self._open()
            _OPEN[os.path.realpath(self.path)] = os.getpid(), env
        return env

    def _open(self) -> Any:
        try:
            import lmdb
        except ImportError as error:
            raise ImportError('LMDB databases need the package lmdb: pip install lmdb') from error
        if not os.path.exists(self.path):
            raise FileNotFoundError(f'no LMDB database at {self.path!r}')
        try:
            return lmdb.open(
                self.path,
                subdir=os.path.isdir(self.path),
                readonly=True,
                lock=False,
                readahead=False,
                meminit=False)
        except lmdb.Error as error:
            raise OSError(f'{self.path!r} cannot be opened as an LMDB database: {error}'
                          ) from error


@DATASETS.register_module()
class WordLMDBDataset(RecogLMDBDataset):
    """``RecogLMDBDataset`` for data loaders with workers, forked or spawned.

    Keys as there: ``num-samples``, and ``image-%09d`` (an encoded image) and ``label-%09d``
    (UTF-8) counted from 1. Each process opens the database for itself. ``img_path`` is set to
    ``<database>:<key>``, so that messages name the sample. A missing label is None, which
    :class:`.CheckedTextDataset` skips and counts, unless ``test_mode`` makes it an error; a missing
    or undecodable image reaches the pipeline as ``img=None``, which :class:`.LoadWordImage`
    turns into an error that names it.

    Arguments are those of ``RecogLMDBDataset``; ``ann_file`` is the database.

    Raises:
        FileNotFoundError: If there is no database.
        ValueError: If it does not hold words.
    """

    def load_data_list(self) -> list[dict]:
        """Read all labels.

        Returns:
            list[dict]: ``img_key``, ``img_path`` and ``instances``, a word.

        Raises:
            ValueError: If the number of samples is missing, or a label in ``test_mode``.
        """
        self.reader = LMDBReader(self.ann_file)
        number, = self.reader.get('num-samples')
        if number is None or int(number) < 1:
            raise ValueError(f'{self.ann_file} holds no words: num-samples is {number!r}')
        self.total_number = int(number)
        indices = [f'{i:09d}' for i in range(1, self.total_number + 1)]
        labels = self.reader.get(*(f'label-{index}' for index in indices))
        # Nothing open may be inherited by workers.
        self.reader.close()
        if self.test_mode and None in labels:
            raise ValueError(f'{self.ann_file} lacks label-{indices[labels.index(None)]} of '
                             f'{self.total_number}')
        texts = (None if label is None else label.decode('utf-8') for label in labels)
        return [
            self.parse_data_info((f'image-{index}', text)) for index, text in zip(indices, texts)
        ]

    def parse_data_info(self, raw_anno_info: tuple[str, str | None]) -> dict:
        """Data info of a word.

        Args:
            raw_anno_info (tuple[str, str or None]): Key of the image, and the label.

        Returns:
            dict: ``img_key``, ``img_path`` and ``instances``.
        """
        info = super().parse_data_info(raw_anno_info)
        info['img_path'] = f'{self.ann_file}:{info["img_key"]}'
        return info

    def prepare_data(self, idx: int) -> Any:
        """Read a word and run the pipeline.

        Args:
            idx (int): Index of the word.

        Returns:
            Any: What the pipeline returns.
        """
        info = self.get_data_info(idx)
        data, = self.reader.get(info['img_key'])
        # OpenCV asserts that there are bytes.
        info['img'] = mmcv.imfrombytes(data, flag=self.color_type) if data else None
        return self.pipeline(info)

    def close(self) -> None:
        """Close the database in this process."""
        self.reader.close()
