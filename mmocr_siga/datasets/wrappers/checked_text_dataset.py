"""Training data without surprises: what cannot be used is skipped, counted and reported."""
from __future__ import annotations

import copy
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Callable

import cv2
import numpy as np
import torch
from mmengine.dataset import Compose, RepeatDataset
from mmengine.logging import print_log
from mmocr.models.common import Dictionary
from mmocr.registry import DATASETS, TASK_UTILS

from ...images import UnusableImageError
from ...text.label_rule import LabelRule, single_label
from ..label_scan import LabelReport, scan_labels
from ..transforms.base import sample_name


class SkipReason(IntEnum):
    """Why a sample was replaced by another one while training."""
    NONE = 0
    MISSING = 1
    UNREADABLE = 2
    UNUSABLE = 3
    NO_RESULT = 4

    @property
    def text(self) -> str:
        """The reason in words, to follow a number of samples."""
        return ('used', 'missing', 'unreadable', 'of an unusable size or kind',
                'without a result of the pipeline')[self]


@DATASETS.register_module()
class CheckedTextDataset:
    """Wrap text recognition data for training, and leave out what cannot be trained on.

    All labels are read, brought into the form of the dictionary and judged by
    :class:`~mmocr_siga.text.label_rule.LabelRule`. A summary with examples is logged.

    While training, a sample whose image is missing, unreadable or without pixels, or for which the
    pipeline returns None, is replaced by another one drawn at random. It is marked in
    ``skip_flags`` (uint8, :class:`SkipReason`), shared by all workers, so that each is counted
    once; ``SkipReportHook`` logs them. Any other error is raised. For validation and testing use
    the data set itself: there a bad sample is an error.

    The length is the number of samples kept; those of a ``RepeatDataset`` count each time, but are
    marked and reported once.

    Args:
        dataset: Data set of MMOCR, or a (nested) ``ConcatDataset`` or ``RepeatDataset`` of such, or
            its config. It is not changed. In a config MMOCR's data sets of words are replaced by
            ours, which read the same files and tell what is wrong in them, word by word.
        dictionary: Dictionary of the model, or its config.
        max_seq_len, letter_case, unknown: As for the rule.
        pipeline: Transforms for members that have none of their own.
        max_retries: Most replacements tried for one sample.
        lazy_init: Whether to read the labels only when they are needed.
        unlabeled: Whether the words are used without labels, unchecked. Needs no dictionary.

    Raises:
        TypeError: If ``dataset`` is something else.
        ValueError: If no sample is left, if ``pipeline`` is given twice, or an argument is missing
            or out of its range.
    """

    def __init__(self, dataset: dict | Any, dictionary: dict | Dictionary | None = None,
                 max_seq_len: int = 25, letter_case: str = 'auto', unknown: str = 'drop',
                 pipeline: Sequence[dict | Callable] | None = None, max_retries: int = 100,
                 lazy_init: bool = False, unlabeled: bool = False) -> None:
        if max_retries < 0:
            raise ValueError(f'max_retries must not be negative, but is {max_retries}')
        self.rule = None
        if not unlabeled:
            if dictionary is None:
                raise ValueError('a dictionary is needed, or unlabeled=True')
            if isinstance(dictionary, dict):
                dictionary = TASK_UTILS.build(dictionary)
            self.rule = LabelRule(dictionary, max_seq_len, letter_case, unknown)
        self._relabel = self.rule.apply if self.rule else _without_label
        self.max_retries = max_retries
        dataset = DATASETS.build(_by_our_readers(dataset)) if isinstance(dataset, dict) else dataset
        self._metainfo = dict(dataset.metainfo)
        found = _members(dataset)
        unique = {id(member): member for member in found}
        # Which member each part of an epoch is.
        self._parts = [list(unique).index(id(member)) for member in found]
        self.members = [copy.copy(member) for member in unique.values()]
        common = Compose(pipeline).transforms
        for member in self.members:
            own = list(member.pipeline.transforms)
            if own and common:
                raise ValueError(f'{_name(member)} has a pipeline of its own; give it there or to '
                                 'CheckedTextDataset, not both')
            member.pipeline = Compose([self._relabel, *(own or common)])
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Read all labels, unless this was done before; a ValueError if no sample is left."""
        if self._fully_initialized:
            return
        scans = [_scan(member, self.rule) for member in self.members]
        self._kept = [kept for kept, _ in scans]
        self.reports = [report for _, report in scans]
        for i, report in enumerate(self.reports):
            report.times = self._parts.count(i)
        sizes = [len(kept) for kept in self._kept]
        self._ends = np.cumsum([sizes[part] for part in self._parts])
        # Where the marks of each member begin.
        self._starts = np.cumsum([0, *sizes])
        kept, epoch = sum(sizes), int(self._ends[-1])
        total = sum(report.total for report in self.reports)
        summary = '\n  '.join([
            f'CheckedTextDataset: {total:,} words, {kept:,} kept'
            + (f', {epoch:,} an epoch' if epoch != kept else ''),
            *(line for report in self.reports for line in report.lines())])
        if not kept:
            raise ValueError('no sample can be trained on; check the dictionary, letter_case and '
                             f'max_seq_len.\n{summary}')
        print_log(summary, logger='current')
        # One byte a sample: writing it needs no lock.
        self.skip_flags = torch.zeros(kept, dtype=torch.uint8).share_memory_()
        self._fully_initialized = True

    @property
    def metainfo(self) -> dict:
        """Meta information of the data set wrapped; ``cumulative_sizes`` counts samples kept."""
        metainfo = copy.deepcopy(self._metainfo)
        if 'cumulative_sizes' in metainfo:
            self.full_init()
            metainfo['cumulative_sizes'] = self._ends.tolist()
        return metainfo

    def __len__(self) -> int:
        self.full_init()
        return int(self._ends[-1])

    def get_data_info(self, idx: int) -> dict:
        """Annotation of a sample with the label that is trained on, ``ori_text`` as annotated."""
        idx = self._checked(idx)
        member, inner = self._sample(self._number(idx))
        info = self._relabel(member.get_data_info(inner))
        info['sample_idx'] = idx
        return info

    def __getitem__(self, idx: int) -> Any:
        """What the pipeline returns for a sample, or for another one in its place.

        A RuntimeError that names the last if ``max_retries`` others could not be used either.
        """
        idx = self._checked(idx)
        for attempt in range(self.max_retries + 1):
            number = self._number(idx)
            data, reason, error = _attempt(*self._sample(number))
            if reason is SkipReason.NONE:
                return data
            self.skip_flags[number] = int(reason)
            last = f'{self.describe(number)} ({reason.text}{f": {error}" if error else ""})'
            for _ in range(100 if attempt < self.max_retries else 0):
                # A random one, not known to be bad unless most are.
                idx = np.random.randint(len(self))
                if self.skip_flags[self._number(idx)] == 0:
                    break
        raise RuntimeError(f'no usable sample in {self.max_retries + 1} tries; check the image '
                           f'folder and the pipeline. The last was {last}') from error

    def describe(self, number: int) -> str:
        """Path or key of an image, for messages, by its index in ``skip_flags``."""
        member, inner = self._sample(number)
        return sample_name(member.get_data_info(inner))

    def _checked(self, idx: int) -> int:
        idx, size = int(idx), len(self)
        if not -size <= idx < size:
            raise IndexError(f'index {idx} is out of range for {size} samples')
        return idx % size

    def _number(self, idx: int) -> int:
        """Index in ``skip_flags`` of a sample."""
        part = int(np.searchsorted(self._ends, idx, side='right'))
        member = self._parts[part]
        return int(idx - self._ends[part] + self._starts[member + 1])

    def _sample(self, number: int) -> tuple[Any, int]:
        member = int(np.searchsorted(self._starts, number, side='right')) - 1
        return self.members[member], int(self._kept[member][number - self._starts[member]])

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        # Sent to a worker, the flags are shared already. A copy of the data set gets its own.
        if self._fully_initialized and not self.skip_flags.is_shared():
            self.skip_flags.share_memory_()


def _attempt(member: Any, idx: int) -> tuple[Any, SkipReason, Exception | None]:
    try:
        # Not member[idx], which replaces bad samples without a word.
        data = member.prepare_data(idx)
    except FileNotFoundError as error:
        return None, SkipReason.MISSING, error
    except UnusableImageError as error:
        return None, SkipReason.UNUSABLE, error
    except (OSError, cv2.error) as error:
        return None, SkipReason.UNREADABLE, error
    return data, SkipReason.NO_RESULT if data is None else SkipReason.NONE, None


def _members(dataset: Any) -> list[Any]:
    """Data sets in a tree of ``ConcatDataset`` and ``RepeatDataset``, in the order of an epoch."""
    if hasattr(dataset, 'datasets'):
        return [member for child in dataset.datasets for member in _members(child)]
    if isinstance(dataset, RepeatDataset):
        return _members(dataset.dataset) * dataset.times
    missing = [name for name in ('get_data_info', 'prepare_data', 'pipeline', 'full_init')
               if not hasattr(dataset, name)]
    if missing:
        raise TypeError('CheckedTextDataset wraps data sets of MMOCR, and ConcatDataset and '
                        f'RepeatDataset of these, but {type(dataset).__name__} has no '
                        f'{", ".join(missing)}')
    return [dataset]


def _name(member: Any) -> str:
    return f'{type(member).__name__}({getattr(member, "ann_file", "")})'


def _by_our_readers(config: dict) -> dict:
    """A config whose words are read by :class:`.WordFileDataset`, faults and all."""
    config = dict(config)
    for key, inner in config.items():
        if key == 'dataset' and isinstance(inner, dict):
            config[key] = _by_our_readers(inner)
        elif key == 'datasets' and isinstance(inner, dict):
            config[key] = {name: _by_our_readers(each) for name, each in inner.items()}
        elif key == 'datasets':
            config[key] = [_by_our_readers(each) if isinstance(each, dict) else each
                           for each in inner]
    kind = str(config.get('type')).rpartition('.')[2]
    parser = config.get('parser_cfg') or {}
    if kind == 'RecogLMDBDataset':
        config['type'] = 'WordLMDBDataset'
    elif kind == 'OCRDataset' and str(config.get('ann_file')).lower().endswith('.json'):
        config.update(type='WordJSONDataset', strict=False)
    elif kind == 'RecogTextDataset' and parser.get('type', 'LineJsonParser') != 'LineJsonParser':
        config.update(type='WordTSVDataset', strict=False)
    elif kind == 'RecogTextDataset':
        config.pop('parser_cfg', None)
        config.update(type='WordJSONDataset', lines=True, strict=False,
                      **({'keys': parser['keys']} if 'keys' in parser else {}))
    elif kind in ('WordJSONDataset', 'WordTSVDataset'):
        config['strict'] = False
    return config


def _without_label(results: dict) -> dict:
    results['instances'] = []
    return results


def _scan(member: Any, rule: LabelRule | None) -> tuple[np.ndarray, LabelReport]:
    member.full_init()
    total = len(member)
    if rule is None:
        return np.arange(total), LabelReport(_name(member), total, total)
    if hasattr(member, 'scan'):
        return member.scan(rule, rule.options())
    labels = (single_label(member.get_data_info(i)) for i in range(total))
    return scan_labels(_name(member), labels, total, rule,
                       lambda idx: sample_name(member.get_data_info(idx)))
