import itertools

import numpy as np
import pytest
from mmocr.registry import DATA_SAMPLERS
from torch.utils.data import BatchSampler, ConcatDataset

from mmocr_siga.compat.resuming import NumberedBatches
from mmocr_siga.datasets.samplers import group_sampler
from mmocr_siga.datasets.samplers.group_sampler import GroupSampler


class Groups:

    def __init__(self, length, group_size=4):
        self.length, self.group_size = length, group_size

    def __len__(self):
        return self.length


def groups_of(indices, size=4):
    """Numbers of the groups, each of which is whole and in order."""
    rows = np.array(list(indices)).reshape(-1, size)
    assert (rows % size == np.arange(size)).all() and (np.ptp(rows // size, axis=1) == 0).all()
    return (rows[:, 0] // size).tolist()


def on_rank(monkeypatch, rank, world, *args, **options):
    monkeypatch.setattr(group_sampler, 'get_dist_info', lambda: (rank, world))
    return GroupSampler(*args, **options)


def test_an_epoch_has_each_group_once_in_an_order_of_its_own():
    sampler = GroupSampler(Groups(42), seed=3)  # two samples are left over
    found = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        found.append(groups_of(sampler))
        assert len(sampler) == 40 and sorted(found[-1]) == list(range(10))
    again, other = (groups_of(GroupSampler(Groups(42), seed=seed)) for seed in (3, 4))
    assert found[0] == again != other and found[0] != found[1]
    assert groups_of(GroupSampler(Groups(42), shuffle=False)) == list(range(10))


@pytest.mark.parametrize('world', [2, 3])
def test_ranks_share_the_groups(monkeypatch, world):
    samplers = [on_rank(monkeypatch, rank, world, Groups(40), seed=1) for rank in range(world)]
    found = [groups_of(sampler) for sampler in samplers]
    assert {len(sampler) for sampler in samplers} == {4 * -(-10 // world)}
    together = sum(found, [])
    assert set(together) == set(range(10)) and len(together) == world * -(-10 // world)
    # Taken in turns they are the order of one process, and its beginning for who lacks a group.
    merged = [group for turn in zip(*found) for group in turn]
    alone = groups_of(on_rank(monkeypatch, 0, 1, Groups(40), seed=1))
    assert merged == (alone + alone)[:len(merged)]
    monkeypatch.setattr(group_sampler, 'sync_random_seed', lambda: 9)
    assert on_rank(monkeypatch, 1, 2, Groups(40)).seed == 9
    # Fewer groups than processes.
    assert groups_of(on_rank(monkeypatch, 4, 5, Groups(8), seed=0)) in ([0], [1])


@pytest.mark.parametrize('start', [1, 3, 7])
def test_a_resumed_run_goes_on_with_the_groups_that_follow(start):
    def batches(skipped):
        sampler = GroupSampler(Groups(40), seed=2)
        numbered = NumberedBatches(BatchSampler(sampler, 8, False), 2, 0)
        numbered.endless, numbered.start = True, skipped
        return [list(batch) for batch in itertools.islice(numbered, 12 - skipped)]

    whole = batches(0)
    assert batches(start) == whole[start:]
    assert all(len(groups_of(batch)) == 2 for batch in whole)
    # The next pass has another order.
    assert sorted(sum(whole[5:10], [])) == list(range(40)) and whole[5:10] != whole[:5]


def test_the_size_of_groups_is_known_or_given():
    sets = ConcatDataset([Groups(8), Groups(16)])
    sampler = DATA_SAMPLERS.build(dict(type='GroupSampler', dataset=sets, group_size=4, seed=0))
    assert sorted(groups_of(sampler)) == list(range(6))
    for dataset, size, message in ((sets, None, 'ConcatDataset does not tell the size'),
                                   (Groups(3), None, 'must be within 1 and the 3 samples'),
                                   (Groups(3), 0, 'must be within 1 .* but is 0')):
        with pytest.raises(ValueError, match=message):
            GroupSampler(dataset, size)
