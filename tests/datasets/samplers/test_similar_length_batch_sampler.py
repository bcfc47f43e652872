import itertools

import pytest
from mmengine.dataset import DefaultSampler, InfiniteSampler

from mmocr_siga.datasets.samplers import SimilarLengthBatchSampler


class Words:
    def __init__(self, lengths):
        self.lengths = lengths

    def __len__(self):
        return len(self.lengths)

    def get_data_info(self, index):
        return dict(instances=[dict(text='x' * self.lengths[index])])


LENGTHS = [5, 1, 9, 2, 2, 7, 3, 8, 1, 4]


def test_words_of_a_pool_are_sorted_and_none_is_lost():
    sampler = DefaultSampler(Words(LENGTHS), shuffle=False)
    batches = list(SimilarLengthBatchSampler(sampler, 2, pool=3, seed=1))
    # The first six by length, in batches of two, in some order; then the other four.
    assert sorted(batches[:3]) == sorted([[1, 3], [4, 0], [5, 2]])
    assert sorted(batches[3:]) == sorted([[8, 6], [9, 7]])
    again = SimilarLengthBatchSampler(sampler, 2, pool=3, seed=1)
    assert list(again) == batches and len(again) == 5


@pytest.mark.parametrize('drop_last, sizes', [(False, [2, 4, 4]), (True, [4, 4])])
def test_a_rest(drop_last, sizes):
    sampler = DefaultSampler(Words(LENGTHS), shuffle=False)
    batches = SimilarLengthBatchSampler(sampler, 4, drop_last=drop_last)
    assert sorted(map(len, batches)) == sizes and len(batches) == len(sizes)


def test_endless_samplers():
    sampler = InfiniteSampler(Words(LENGTHS), shuffle=True, seed=0)
    batches = list(itertools.islice(SimilarLengthBatchSampler(sampler, 5, pool=2), 40))
    assert sorted(itertools.chain(*batches)) == sorted(list(range(10)) * 20)


def test_wrong_arguments_are_named():
    with pytest.raises(TypeError, match='range does not know its data set'):
        SimilarLengthBatchSampler(range(3), 2)
    with pytest.raises(ValueError, match='at least 1, but is 0'):
        SimilarLengthBatchSampler(DefaultSampler(Words(LENGTHS)), 2, pool=0)
