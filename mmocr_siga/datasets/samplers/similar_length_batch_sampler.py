"""Batches of words that are about as long as each other."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
from mmocr.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


@DATA_SAMPLERS.register_module()
class SimilarLengthBatchSampler(Sampler):
    """Puts words of similar length into a batch, where images keep their ratio: less padding.

    The samples of ``pool`` batches are taken from the sampler, sorted by the number of characters
    and cut into batches, which come in random order. So a batch is never far from where the sampler
    put its words, and what :class:`RatioSampler` mixes stays mixed over ``pool`` batches.

    Args:
        sampler: Any that knows its ``dataset``, whose ``get_data_info`` tells the label.
        pool: Batches that exchange words.
        seed: Of the order of batches.
        drop_last: Whether to leave out words that fill no batch.
    """

    def __init__(self, sampler: Sampler, batch_size: int, pool: int = 8, seed: int = 0,
                 drop_last: bool = False) -> None:
        if not hasattr(getattr(sampler, 'dataset', None), 'get_data_info'):
            raise TypeError(f'{type(sampler).__name__} does not know its data set, whose labels '
                            'tell which words are about as long as each other')
        if pool < 1:
            raise ValueError(f'pool is a number of batches, at least 1, but is {pool}')
        self.sampler, self.batch_size, self.pool = sampler, batch_size, pool
        self.seed, self.drop_last = seed, drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        generator = np.random.default_rng(self.seed)
        while words := list(islice(indices, self.pool * self.batch_size)):
            words.sort(key=self._length)
            batches = [words[i:i + self.batch_size]
                       for i in range(0, len(words), self.batch_size)]
            for number in generator.permutation(len(batches)).tolist():
                if not self.drop_last or len(batches[number]) == self.batch_size:
                    yield batches[number]

    def _length(self, index: int) -> int:
        instances = self.sampler.dataset.get_data_info(index).get('instances') or [{}]
        return len(str(instances[0].get('text', '')))

    def __len__(self) -> int:
        count, rest = divmod(len(self.sampler), self.batch_size)
        return count + bool(rest and not self.drop_last)
