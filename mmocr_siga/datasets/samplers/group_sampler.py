"""Words that belong together stay together."""
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.dist import get_dist_info, sync_random_seed
from mmocr.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class GroupSampler(Sampler):
    """Epochs of whole groups of consecutive samples, see :class:`.RenderedGroupDataset`.

    In the place of ``DefaultSampler``, and in loops without epochs, which begin the next epoch by
    themselves, of ``InfiniteSampler``. Groups are shuffled anew for every epoch, by the seed and
    its number alone, and come one after another: batches of a multiple of ``group_size`` samples
    are whole groups. Ranks take turns and get equally many, some groups twice if need be. What is
    left over at the end of the data set belongs to no group.

    Args:
        dataset: Its ``group_size`` is used, if it has one.
        group_size: That of another data set, such as a ``ConcatDataset`` of groups.
        seed: None for a random one, the same on all ranks.

    Raises:
        ValueError: If the size of the groups is not known, or the data set has no whole group.
    """

    def __init__(self, dataset: Any, group_size: int | None = None, shuffle: bool = True,
                 seed: int | None = None) -> None:
        self.rank, self.world_size = get_dist_info()
        size = getattr(dataset, 'group_size', None) if group_size is None else group_size
        if size is None:
            raise ValueError(f'{type(dataset).__name__} does not tell the size of its groups; give '
                             'group_size')
        if not 1 <= size <= len(dataset):
            raise ValueError(f'group_size must be within 1 and the {len(dataset)} samples of the '
                             f'data set, but is {size}')
        self.dataset, self.group_size, self.shuffle = dataset, size, shuffle
        self.groups = len(dataset) // size
        self.rounds = -(-self.groups // self.world_size)  # groups of each rank
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0

    def __iter__(self) -> Iterator[int]:
        order = np.arange(self.groups)
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.groups)
        order = np.resize(order, self.rounds * self.world_size)
        for group in order[self.rank::self.world_size].tolist():
            yield from range(group * self.group_size, (group + 1) * self.group_size)

    def __len__(self) -> int:
        """Samples of this rank in an epoch."""
        return self.rounds * self.group_size

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch
