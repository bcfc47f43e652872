import itertools
from collections import Counter

import numpy as np
import pytest
from mmocr.registry import DATA_SAMPLERS

from mmocr_siga.datasets.samplers import ratio_sampler
from mmocr_siga.datasets.samplers.ratio_sampler import RatioSampler, ratio_sequence


class Sets:
    """Stands for a ConcatDataset."""

    def __init__(self, *sizes):
        self.cumulative_sizes = np.cumsum(sizes).tolist()

    def __len__(self):
        return self.cumulative_sizes[-1]

    def member(self, index):
        return int(np.searchsorted(self.cumulative_sizes, index, side='right'))


def take(sampler, count):
    return list(itertools.islice(iter(sampler), count))


def on_rank(monkeypatch, rank, world, *args, **options):
    monkeypatch.setattr(ratio_sampler, 'get_dist_info', lambda: (rank, world))
    return RatioSampler(*args, **options)


@pytest.mark.parametrize('ratios', [[0.5, 0.5], [0.7, 0.2, 0.1], [1, 1e-3], [0.4, 0.4, 0.2]])
def test_every_batch_has_its_parts(ratios):
    assert list(itertools.islice(ratio_sequence([3, 1]), 8)) == [0, 0, 1, 0, 0, 0, 1, 0]
    parts = np.array(ratios) / np.sum(ratios)
    for size in (7, 32):
        batches = np.fromiter(itertools.islice(ratio_sequence(ratios), 50 * size), int)
        for batch in batches.reshape(50, size):
            counts = np.bincount(batch, minlength=len(parts))
            assert (np.abs(counts - parts * size) <= len(parts)).all()
        total = np.bincount(batches, minlength=len(parts))
        assert (np.abs(total - parts * len(batches)) < len(parts)).all()


def test_a_small_set_is_repeated_before_a_large_one_is_through():
    sets = Sets(100, 4)
    indices = take(RatioSampler(sets, [0.5, 0.5], seed=1), 200)
    seen = Counter(indices)
    assert all(seen[i] == 1 for i in range(100)) and all(seen[i] == 25 for i in range(100, 104))
    # Each pass of the small set holds each of its words once.
    small = [i for i in indices if i >= 100]
    assert all(sorted(small[i:i + 4]) == [100, 101, 102, 103] for i in range(0, 100, 4))


def test_order_depends_on_the_seed_alone():
    first, second, other = (take(RatioSampler(Sets(50, 20), [2, 1], seed=seed), 300)
                            for seed in (3, 3, 4))
    assert first == second != other
    ordered = take(RatioSampler(Sets(3, 2), [1, 1], shuffle=False, seed=0), 8)
    assert ordered == [0, 3, 1, 4, 2, 3, 0, 4]


@pytest.mark.parametrize('world', [2, 3])
def test_ranks_share_each_pass(monkeypatch, world):
    sets = Sets(30, 7)
    found = [take(on_rank(monkeypatch, rank, world, sets, [0.5, 0.5], seed=5), 84)
             for rank in range(world)]
    for indices in found:
        assert [sets.member(i) for i in indices] == [0, 1] * 42
    # What the ranks take of a set in turns are whole passes, one after another.
    for member, size in ((0, 30), (1, 7)):
        mine = [[i for i in indices if sets.member(i) == member] for indices in found]
        merged = [i for turn in zip(*mine) for i in turn]
        for start in range(0, len(merged) - size + 1, size):
            assert len(set(merged[start:start + size])) == size


def test_groups_of_members_and_sets_that_are_not_there():
    sets = Sets(10, 5, 5)
    counts = Counter(map(sets.member, take(RatioSampler(sets, [1, 1], groups=[1, 2], seed=0), 40)))
    assert counts == {0: 20, 1: 10, 2: 10}
    # Of four sets asked for the first and the last are missing.
    sets = Sets(6, 3)
    sets.metainfo = dict(dataset_kept=[1, 2], dataset_asked=4)
    sampler = RatioSampler(sets, [4, 2, 1, 1], seed=0)
    assert sampler.ratios == [2, 1] and sampler.bounds == [(0, 6), (6, 9)]
    assert RatioSampler(sets, [3, 1], groups=[3, 1], seed=0).bounds == [(0, 9)]
    assert RatioSampler(sets, [3, 1], groups=[2, 2], seed=0).bounds == [(0, 6), (6, 9)]


def test_epochs_go_on_where_the_last_one_ended():
    sets = Sets(9, 4)
    endless = take(RatioSampler(sets, [1, 1], seed=2), 30)
    sampler = RatioSampler(sets, [1, 1], seed=2, epoch_size=10)
    assert len(sampler) == 10
    found = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        found.append(list(sampler))
    assert sum(found, []) == endless
    sampler.set_epoch(1)
    assert list(sampler) == found[1]
    # An epoch that was left early does not change the next one.
    sampler.set_epoch(1)
    take(sampler, 3)
    sampler.set_epoch(2)
    assert list(sampler) == found[2]


def test_it_is_built_by_its_name_and_reads_the_members_of_a_wrapper():
    class Wrapper:
        metainfo = dict(cumulative_sizes=[3, 5])

        def __len__(self):
            return 5

    sampler = DATA_SAMPLERS.build(dict(type='RatioSampler', dataset=Wrapper(), ratios=[1, 1],
                                       seed=0))
    assert len(sampler) == 5 and sampler.bounds == [(0, 3), (3, 5)]
    assert {i < 3 for i in take(sampler, 2)} == {True, False}


@pytest.mark.parametrize('options, message', [
    (dict(ratios=[]), 'ratios must be positive'), (dict(ratios=[1, 0]), 'ratios must be positive'),
    (dict(ratios=[1]), 'do not fit a data set of 2 members'),
    (dict(ratios=[1, 1], groups=[2, 1]), 'do not fit'),
    (dict(ratios=[1, 1], groups=[2, 0]), 'do not fit'),
    (dict(ratios=[1, 1], epoch_size=0), 'epoch_size')])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        RatioSampler(Sets(3, 2), seed=0, **options)
    with pytest.raises(TypeError, match='list has none'):
        RatioSampler([1, 2], [1], seed=0)
    with pytest.raises(ValueError, match='group 1 of the data set has no sample'):
        RatioSampler(Sets(3, 0), [1, 1], seed=0)
