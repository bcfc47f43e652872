"""Word images in an LMDB database, read by any number of processes."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

import mmcv
import numpy as np
from mmengine.dataset import force_full_init
from mmengine.logging import print_log
from mmocr.datasets import RecogLMDBDataset
from mmocr.registry import DATASETS

from ...text.charsets import find_charset
from ..wrappers.label_index import LabelIndex, load_index
from .lmdb_reader import LMDBReader

__all__ = ['LMDBReader', 'WordLMDBDataset']

_EXAMPLES = 3


@DATASETS.register_module()
class WordLMDBDataset(RecogLMDBDataset):
    """``RecogLMDBDataset`` for data loaders with workers, forked or spawned, and large databases.

    Keys as there: ``num-samples``, and ``image-%09d`` (an encoded image) and ``label-%09d``
    (UTF-8) counted from 1. Each process opens the database for itself, on its first read.
    ``img_path`` is set to ``<database>:<key>``, so that messages name the sample. A label that is
    missing or not UTF-8 is None, which :class:`.CheckedTextDataset` skips and counts, unless
    ``test_mode`` makes it an error or a filter leaves it out; a missing or undecodable image
    reaches the pipeline as ``img=None``, which :class:`.LoadWordImage` turns into an error that
    names it.

    Labels are held in flat arrays (:class:`.LabelIndex`), for 100,000 words or more mapped from a
    file, which all workers and ranks share. It is made on the first use, beside the database or
    in the user's cache folder, and made again when the database changes.

    Args:
        ann_file (str): Folder of the database, or its file. Defaults to ''.
        img_color_type (str): How images are decoded, see :func:`mmcv.imfrombytes`. Defaults to
            'color'.
        metainfo (dict, optional): Meta information of the data set. Defaults to None.
        data_root (str): Folder of ``ann_file``. Defaults to ''.
        data_prefix (dict, optional): Not used. Defaults to None.
        filter_cfg (dict, optional): Not used. Defaults to None.
        indices (int or Sequence[int], optional): Words to take, of those that the filter keeps.
            Defaults to None, all.
        serialize_data (bool): Not used: labels are never objects. Defaults to True.
        pipeline (Sequence, optional): Transforms. Defaults to None, no transforms.
        test_mode (bool): Whether a sample without a result is an error. Defaults to False.
        lazy_init (bool): Whether to read the labels only when they are needed. Defaults to False.
        max_refetch (int): Most replacements of one sample. Defaults to 1000.
        min_length (int, optional): Least number of characters of a label. Defaults to None, any.
        max_length (int, optional): Most characters of a label. Defaults to None, any.
        characters (str, optional): Only labels of these characters are taken: a dictionary file,
            the name of a packaged one, or the characters. Defaults to None, all.
        letter_case (str): 'lower' or 'upper' judges the characters in this case, as a model with
            such a dictionary sees them; labels are not changed. Defaults to 'unchanged'.
        index_cache (str or bool, optional): Folder for the file of labels; False for none.
            Defaults to None, see above.

    Raises:
        FileNotFoundError: If there is no database.
        ValueError: If it is cut off or does not hold words, no word is left, or a label is
            missing or not UTF-8 in ``test_mode``.
    """

    def __init__(self,
                 ann_file: str = '',
                 img_color_type: str = 'color',
                 metainfo: dict | None = None,
                 data_root: str | None = '',
                 data_prefix: dict | None = None,
                 filter_cfg: dict | None = None,
                 indices: int | Sequence[int] | None = None,
                 serialize_data: bool = True,
                 pipeline: Sequence[dict | Callable] | None = None,
                 test_mode: bool = False,
                 lazy_init: bool = False,
                 max_refetch: int = 1000,
                 *,
                 min_length: int | None = None,
                 max_length: int | None = None,
                 characters: str | None = None,
                 letter_case: str = 'unchanged',
                 index_cache: str | bool | None = None) -> None:
        self.min_length, self.max_length = min_length, max_length
        self.characters = None if characters is None else find_charset(characters)
        self.letter_case = letter_case
        self.index_cache = index_cache
        super().__init__(
            ann_file=ann_file,
            img_color_type=img_color_type,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=data_prefix or dict(img_path=''),
            filter_cfg=filter_cfg,
            indices=indices,
            serialize_data=serialize_data,
            pipeline=pipeline or [],
            test_mode=test_mode,
            lazy_init=lazy_init,
            max_refetch=max_refetch)

    def full_init(self) -> None:
        """Read all labels, or map the file that holds them, unless this was done before.

        Raises:
            FileNotFoundError: If there is no database.
            ValueError: See the class.
        """
        if self._fully_initialized:
            return
        self.reader = LMDBReader(self.ann_file)
        try:
            self.total_number = self.reader.count()
            self.index = load_index(self.ann_file, self.reader.version(), self.reader.labels(),
                                    self.total_number, self.index_cache)
        finally:
            # Nothing open may be inherited by workers.
            self.reader.close()
        # Numbers of the words kept, from 0; None for all, which takes no memory.
        self._kept = self._filtered(self.index)
        self._fully_initialized = True
        if self._indices is not None:
            self.get_subset_(self._indices)

    def _filtered(self, index: LabelIndex) -> np.ndarray | None:
        filters = (self.min_length, self.max_length, self.characters)
        bad = np.flatnonzero(np.asarray(index.state))
        if self.test_mode and bad.size:
            number, state = bad[0] + 1, int(index.state[bad[0]])
            problem = 'lacks' if state == 1 else 'holds bytes that are not UTF-8 in'
            raise ValueError(f'{self.ann_file} {problem} label-{number:09d} of '
                             f'{self.total_number}')
        if filters == (None, None, None):
            return None
        chosen = index.select(self.min_length or 0, self.max_length, self.characters,
                              self.letter_case)
        lines = [f'{self.ann_file}: {self.total_number:,} words, {int(chosen.kept.sum()):,} kept']
        for reason, hits in chosen.reasons.items():
            examples = ', '.join(f'label-{i + 1:09d} {index[i]!r}' for i in hits[:_EXAMPLES])
            lines.append(f'  {len(hits):,} left out, whose labels {reason}, e.g. {examples}')
        if not chosen.kept.any():
            raise ValueError('no word is left; check the lengths, characters and letter_case.\n'
                             + '\n'.join(lines))
        print_log('\n'.join(lines), logger='current')
        kept = np.flatnonzero(chosen.kept)
        return kept.astype(np.uint32) if self.total_number < 1 << 32 else kept

    def load_data_list(self) -> list[dict]:
        """Data infos of all words, as a list; not used by the data set itself."""
        return [self.get_data_info(i) for i in range(len(self))]

    @force_full_init
    def __len__(self) -> int:
        return self.total_number if self._kept is None else len(self._kept)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """Data info of a word.

        Args:
            idx (int): Index among the words kept; may be negative.

        Returns:
            dict: ``img_key``, ``img_path``, ``instances`` and ``sample_idx``.

        Raises:
            IndexError: If there is no such word.
        """
        size = len(self)
        if not -size <= idx < size:
            raise IndexError(f'index {idx} is out of range for {size} words')
        idx = int(idx) % size
        number = idx if self._kept is None else int(self._kept[idx])
        info = self.parse_data_info((f'image-{number + 1:09d}', self.index[number]))
        info['sample_idx'] = idx
        return info

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

    @force_full_init
    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep some words only, see :meth:`mmengine.dataset.BaseDataset.get_subset_`.

        Raises:
            TypeError: If ``indices`` is neither a number nor a sequence of numbers.
        """
        kept = np.arange(self.total_number) if self._kept is None else self._kept
        if isinstance(indices, (int, np.integer)):
            self._kept = kept[:indices] if indices >= 0 else kept[indices:]
        elif isinstance(indices, (Sequence, np.ndarray)) and not isinstance(indices, str):
            self._kept = kept[np.asarray(indices, np.int64)]
        else:
            raise TypeError('indices must be a number or a sequence of numbers, but is '
                            f'{type(indices).__name__}')

    @force_full_init
    def get_subset(self, indices: int | Sequence[int]) -> WordLMDBDataset:
        """A data set of some of the words, see :meth:`get_subset_`; the labels are shared."""
        subset = self._copy_without_annotation({})
        subset.get_subset_(indices)
        return subset

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
