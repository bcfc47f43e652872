"""Batches that hold several data sets in fixed parts."""
from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmocr.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


def ratio_sequence(ratios: Sequence[float]) -> Iterator[int]:
    """Endless sequence of set numbers by positive parts: each time of the set that is furthest
    short of its part."""
    parts = np.asarray(ratios, np.float64) / np.sum(ratios)
    taken = np.zeros(len(parts), np.int64)
    for total in itertools.count(1):
        # Rounded, so that equal debts are equal on every machine.
        chosen = int(np.argmax(np.round(parts * total - taken, 9)))
        taken[chosen] += 1
        yield chosen


@DATA_SAMPLERS.register_module()
class RatioSampler(Sampler):
    """Endless, or epochs of a given size, with a fixed part of each data set in every batch.

    In the place of ``InfiniteSampler``: the reference recipe takes one half of MJSynth and one half
    of SynthText, however large they are. The order of the sets is fixed (:func:`ratio_sequence`),
    so each batch has its parts up to one or two samples. Within a set the samples are shuffled anew
    for every pass, of which the ranks take turns. All depends on the seed alone. Of an
    ``AvailableDatasets`` that does without some sets the others keep their parts to each other.

    Args:
        dataset: Data set with members: a ``ConcatDataset``, or a ``CheckedTextDataset`` of one.
        ratios: Part of each group of members in a batch; they need not add up to 1.
        groups: How many members in a row each group has; None for one each.
        seed: None for a random one, the same on all ranks.
        epoch_size: Samples of all ranks together after which an epoch ends, for training by epochs;
            the next one goes on where it ended. None for endless.

    Raises:
        TypeError: If the data set has no members.
        ValueError: If ratios, groups and members do not fit together, or a group has no sample.
    """

    def __init__(self, dataset: Any, ratios: Sequence[float], groups: Sequence[int] | None = None,
                 shuffle: bool = True, seed: int | None = None,
                 epoch_size: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        self.ratios = [float(ratio) for ratio in ratios]
        if not self.ratios or not all(0 < ratio < float('inf') for ratio in self.ratios):
            raise ValueError(f'ratios must be positive numbers, but are {list(ratios)}')
        groups = [1] * len(self.ratios) if groups is None else list(groups)
        self.ratios, groups = _kept_groups(dataset, self.ratios, groups)
        self.bounds = _group_bounds(_member_ends(dataset), len(self.ratios), groups)
        if epoch_size is not None and epoch_size < self.world_size:
            raise ValueError(f'epoch_size must be at least 1 for each of {self.world_size} '
                             f'processes, but is {epoch_size}')
        self.dataset, self.size = dataset, len(dataset)
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch_size = epoch_size
        self.epoch = 0
        self._endless = self._indices()
        self._position: int | None = 0

    def _stream(self, group: int) -> Iterator[int]:
        """Indices of a group that this rank takes, pass after pass."""
        first, stop = self.bounds[group]
        size, skipped = stop - first, self.rank
        for turn in itertools.count():
            order = np.arange(size)
            if self.shuffle:
                order = np.random.default_rng([self.seed, group, turn]).permutation(size)
            mine = order[skipped::self.world_size]
            # The next pass begins with the rank that follows the last one served.
            skipped += len(mine) * self.world_size - size
            for block in range(0, len(mine), 4096):
                yield from (first + mine[block:block + 4096]).tolist()

    def _indices(self) -> Iterator[int]:
        streams = [self._stream(group) for group in range(len(self.bounds))]
        for group in ratio_sequence(self.ratios):
            yield next(streams[group])

    def __iter__(self) -> Iterator[int]:
        if self.epoch_size is None:
            yield from self._endless
        else:
            count = len(self)
            start = self.epoch * count
            # An epoch depends on its number, not on what was read before.
            if self._position != start:
                self._endless = itertools.islice(self._indices(), start, None)
            self._position = None
            yield from itertools.islice(self._endless, count)
            self._position = start + count

    def __len__(self) -> int:
        """Samples of this rank in an epoch; without one, of the data set."""
        return self.size if self.epoch_size is None else self.epoch_size // self.world_size

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch


def _member_ends(dataset: Any) -> list[int]:
    meta = getattr(dataset, 'metainfo', {})
    ends = getattr(dataset, 'cumulative_sizes', meta.get('cumulative_sizes'))
    if ends is None:
        raise TypeError('RatioSampler mixes the members of a ConcatDataset, or of a '
                        f'CheckedTextDataset of one; {type(dataset).__name__} has none')
    return [int(end) for end in ends]


def _kept_groups(dataset: Any, ratios: list[float],
                 groups: list[int]) -> tuple[list[float], list[int]]:
    """Ratios and sizes of groups without the members that ``AvailableDatasets`` does without."""
    meta = getattr(dataset, 'metainfo', {})
    if len(groups) != len(ratios) or meta.get('dataset_asked') != sum(groups):
        return ratios, groups
    kept = meta['dataset_kept']
    ends = [0, *itertools.accumulate(groups)]
    sizes = [sum(first <= index < stop for index in kept) for first, stop in zip(ends, ends[1:])]
    return [r for r, size in zip(ratios, sizes) if size], [size for size in sizes if size]


def _group_bounds(ends: list[int], ratios: int, groups: list[int]) -> list[tuple[int, int]]:
    if len(groups) != ratios or sum(groups) != len(ends) or min(groups) < 1:
        raise ValueError(f'{ratios} ratios and groups of {groups} members do not fit a data set of '
                         f'{len(ends)} members (a RepeatDataset counts once each time)')
    stops = [ends[i - 1] for i in itertools.accumulate(groups)]
    bounds = list(zip([0, *stops[:-1]], stops))
    for number, (first, stop) in enumerate(bounds):
        if first == stop:
            raise ValueError(f'group {number} of the data set has no sample')
    return bounds
