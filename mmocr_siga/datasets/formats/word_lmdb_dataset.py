"""Word images in an LMDB database, read by any number of processes."""
from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import mmcv
import numpy as np
from mmengine.dataset import force_full_init
from mmengine.logging import print_log
from mmocr.datasets import RecogLMDBDataset
from mmocr.registry import DATASETS

from ...images import UnusableImageError, decode_picture
from ...text.charsets import find_charset
from ...text.dictionary import known_form
from ...text.label_rule import Verdict
from ..label_scan import LabelReport, cached_scan, scan_labels
from .lmdb_reader import LMDBReader, decode_label

_FOLDS = {'lower': str.lower, 'upper': str.upper, 'unchanged': str}


@DATASETS.register_module()
class WordLMDBDataset(RecogLMDBDataset):
    """``RecogLMDBDataset`` for data loaders with workers, forked or spawned, and large databases.

    Keys as there: ``num-samples``, and ``image-%09d`` (an encoded image) and ``label-%09d`` (UTF-8)
    counted from 1. Each process opens the database for itself, on its first read. ``img_path`` is
    ``<database>:<key>``. A label that is missing or not UTF-8 is None, which
    :class:`.CheckedTextDataset` skips and counts, unless ``test_mode`` makes it an error or a
    filter leaves it out; a missing or undecodable image reaches the pipeline as ``img=None``, which
    :class:`.LoadWordImage` turns into an error that names it.

    Labels stay in the database. Which words a filter keeps is, for 100,000 words or more, kept in a
    file beside the database or in the user's cache folder until the database or the filter changes.

    Args:
        ann_file: Folder of the database, or its file.
        min_length, max_length: Least and most characters of a label; None for any.
        characters: Only labels of these are taken: a dictionary file, the name of a packaged one,
            or the characters. None for all.
        letter_case: 'lower' or 'upper' judges the characters in this case, as a model with such a
            dictionary sees them; labels are not changed.
        index_cache: Folder for the file; False for none; None as said above.
        options: Arguments of ``RecogLMDBDataset``; ``indices`` are of the words that are kept.

    Raises:
        FileNotFoundError: If there is no database.
        ValueError: If it is cut off or does not hold words, no word is left, or a label is missing
            or not UTF-8 in ``test_mode``.
    """

    def __init__(self, ann_file: str = '', *, min_length: int | None = None,
                 max_length: int | None = None, characters: str | None = None,
                 letter_case: str = 'unchanged', index_cache: str | bool | None = None,
                 **options: Any) -> None:
        if letter_case not in _FOLDS:
            raise ValueError(f'letter_case must be one of {sorted(_FOLDS)}, but is {letter_case!r}')
        self.min_length, self.max_length = min_length, max_length
        self.characters = None if characters is None else find_charset(characters)
        self._known = None if self.characters is None else frozenset(self.characters)
        self.letter_case, self.index_cache = letter_case, index_cache
        super().__init__(ann_file=ann_file, **options)

    def full_init(self) -> None:
        if self._fully_initialized:
            return
        self.reader = LMDBReader(self.ann_file)
        try:
            self.total_number = self.reader.count()
        finally:
            # Nothing open may be inherited by workers.
            self.reader.close()
        # Numbers of the words kept, from 0; None for all, which takes no memory.
        self._kept = None
        filtered = (self.min_length, self.max_length, self.characters) != (None, None, None)
        if filtered or self.test_mode:
            kept, report = self.scan(self._judge, dict(
                min_length=self.min_length or 0, max_length=self.max_length,
                characters=self.characters, letter_case=self.letter_case))
            summary = '\n'.join(report.lines())
            if self.test_mode and report.faulty:
                raise ValueError(f'there are words without a label.\n{summary}')
            if not len(kept):
                raise ValueError('no word is left; check the lengths, characters and letter_case.\n'
                                 + summary)
            if filtered:
                print_log(summary, logger='current')
                self._kept = kept
        self._fully_initialized = True
        if self._indices is not None:
            self.get_subset_(self._indices)

    def scan(self, judge: Callable[[str], Verdict],
             rule: dict) -> tuple[np.ndarray, LabelReport]:
        """Judge the labels of all words, see :func:`.scan_labels`; ``rule`` describes the judge."""
        words = np.arange(self.total_number) if self._kept is None else self._kept
        version = dict(self.reader.version(), words=(
            '' if self._kept is None else hashlib.sha256(words.tobytes()).hexdigest()))

        def run() -> tuple[np.ndarray, LabelReport]:
            return scan_labels(f'{type(self).__name__}({self.ann_file})',
                               self.reader.labels(words + 1), len(words), judge,
                               lambda index: self._name(int(words[index])))

        try:
            return cached_scan(self.ann_file, rule, version, self.index_cache, self.total_number,
                               run)
        finally:
            self.reader.close()

    @force_full_init
    def __len__(self) -> int:
        return self.total_number if self._kept is None else len(self._kept)

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """``img_key``, ``img_path``, ``instances`` and ``sample_idx`` of a word."""
        return self._read(idx, 'label')[0]

    @force_full_init
    def get_subset_(self, indices: int | Sequence[int]) -> None:
        """Keep some words only, see :meth:`mmengine.dataset.BaseDataset.get_subset_`."""
        kept = np.arange(self.total_number) if self._kept is None else self._kept
        if isinstance(indices, (int, np.integer)):
            self._kept = kept[:indices] if indices >= 0 else kept[indices:]
        else:
            self._kept = kept[np.asarray(indices, np.int64)]

    @force_full_init
    def get_subset(self, indices: int | Sequence[int]) -> WordLMDBDataset:
        subset = self._copy_without_annotation({})
        subset.get_subset_(indices)
        return subset

    def prepare_data(self, idx: int) -> Any:
        info, data = self._read(idx, 'label', 'image')
        info['img'] = None
        if data:
            with contextlib.suppress(UnusableImageError):
                info['img'] = (decode_picture(data) if self.color_type == 'color' else
                               mmcv.imfrombytes(data, flag=self.color_type))
        return self.pipeline(info)

    def close(self) -> None:
        self.reader.close()

    def _judge(self, text: str) -> Verdict:
        """A label is left out for the first reason that applies."""
        least, most = self.min_length or 0, self.max_length
        reason = None
        if len(text) < least:
            reason = ('has an empty label' if least == 1 else
                      f'has a label shorter than {least} characters')
        elif most is not None and len(text) > most:
            reason = f'has a label longer than {most} characters'
        elif self._known is not None and not self._known.issuperset(
                known_form(_FOLDS[self.letter_case](text), self._known)):
            reason = 'has unknown characters'
        return Verdict(text, reason, False)

    def _read(self, idx: int, *kinds: str) -> tuple:
        """Data info of a word, and what is stored of it after its label."""
        size = len(self)
        if not -size <= idx < size:
            raise IndexError(f'index {idx} is out of range for {size} words')
        idx = int(idx) % size
        number = idx if self._kept is None else int(self._kept[idx])
        label, *rest = self.reader.get(*(f'{kind}-{number + 1:09d}' for kind in kinds))
        text, problem = decode_label(label)
        info = self.parse_data_info((f'image-{number + 1:09d}', text))
        info.update(img_path=self._name(number), sample_idx=idx)
        if text is None:
            info['problem'] = problem
        return info, *rest

    def _name(self, number: int) -> str:
        return f'{self.ann_file}:image-{number + 1:09d}'
