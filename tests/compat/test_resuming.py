"""Resumed trainings: what they say, and that they begin where they stopped."""
import itertools
import random

import numpy as np
import pytest
import torch
from mmengine.registry import DATASETS
from mmengine.runner import Runner
from torch.utils.data import Dataset

from tests.helpers.toy_run import EachStep, build, toy_config, write_words


@DATASETS.register_module()
class DrawnNumbers(Dataset):
    """Its samples are their index and what each generator draws; knows which were read."""

    def __init__(self, size):
        self.size, self.read = size, []

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        self.read.append(index)
        return index, random.random(), np.random.rand(), torch.rand(()).item()


def loader(sampler, size=5, workers=0, **options):
    return Runner.build_dataloader(dict(
        dataset=dict(type='DrawnNumbers', size=size), sampler=dict(type=sampler), batch_size=2,
        collate_fn=dict(type='default_collate'), num_workers=workers, **options), seed=0)


def values(batches):
    return [torch.stack([v.double() for v in batch]) for batch in batches]


class TestBatches:

    def test_numbers_depend_on_the_place_alone(self):
        torch.manual_seed(1)
        whole = values(loader('DefaultSampler', 6))
        before = torch.get_rng_state(), random.getstate()
        for workers in (0, 2):
            again = values(loader('DefaultSampler', 6, workers))
            torch.testing.assert_close(again, whole, rtol=0, atol=0)
        # Reading leaves the generators of the model alone, and no two batches are alike.
        assert torch.equal(torch.get_rng_state(), before[0]) and random.getstate() == before[1]
        assert len({float(batch[row, 0]) for batch in whole for row in (1, 2, 3)}) == 9

    @pytest.mark.parametrize('sampler', ['InfiniteSampler', 'DefaultSampler'])
    @pytest.mark.parametrize('start', [1, 4])  # of three batches a pass
    def test_passed_over_without_reading(self, sampler, start):
        whole, later = loader(sampler), loader(sampler)
        whole.batch_sampler.endless = later.batch_sampler.endless = True
        later.batch_sampler.start = start
        expected = values(itertools.islice(whole, start + 3))[start:]
        found = values(itertools.islice(later, 3))
        for one, other in zip(found, expected):
            torch.testing.assert_close(one, other, rtol=0, atol=0)
        assert len(later.dataset.read) < len(whole.dataset.read)

    def test_no_batch_is_an_error_and_not_endless(self):
        empty = loader('DefaultSampler', 1, drop_last=True)
        empty.batch_sampler.endless = True
        with pytest.raises(ValueError, match='make no batch'):
            next(iter(empty))

    def test_no_workers_that_persist(self):
        batches = loader('DefaultSampler', persistent_workers=True, prefetch_factor=2)
        assert len(values(batches)) == 3


@pytest.fixture
def words(tmp_path):
    return write_words(tmp_path)


def trained(folder, name, *args, steps=4, seed=0, **kwargs):
    losses = EachStep(lambda runner: runner.iter)
    config = toy_config(folder, name, max_iters=steps, randomness=dict(seed=seed))
    config.train_dataloader.sampler.shuffle = True
    runner = build(config, *args, hooks=[losses], **kwargs)
    runner.train()
    return runner, losses.seen


def test_without_a_seed_it_goes_on_with_that_of_the_run(words):
    whole, _ = trained(words, 'whole', seed=None)
    runner, seen = trained(words, 'resumed', words / 'whole/iter_2.pth', resume=True, seed=None)
    assert seen == [2, 3] and runner.seed == whole.seed
    for name, expected in whole.model.state_dict().items():
        assert torch.equal(runner.model.state_dict()[name], expected), name


def test_a_run_that_had_ended_says_so(words):
    trained(words, 'run', steps=2)
    said = []
    config = toy_config(words, 'run', max_iters=2)
    runner = build(config, resume=True)
    runner.logger.addFilter(lambda record: said.append(record.getMessage()) or True)
    runner.train()
    message, = (text for text in said if 'had ended' in text)
    assert 'step 2 of 2, so nothing is trained' in message
    assert 'train_cfg.max_iters' in message and 'WarmStartHook' in message


@pytest.mark.parametrize('change, match', [
    (lambda c: {'state_dict': c['state_dict']}, 'weights alone.*leave out --resume: load_from'),
    (lambda c: dict(c, meta=dict(c['meta'], iter='2')), "stopped at iter '2'"),
    (lambda c: dict(c, meta=dict(c['meta'], generators=[(1, 2, 3, 4)])), 'no state of random gen')])
def test_what_cannot_be_resumed(words, change, match):
    trained(words, 'run', steps=1)
    content = torch.load(words / 'run/iter_1.pth', weights_only=False)
    torch.save(change(content), words / 'other.pth')
    with pytest.raises(ValueError, match=match):
        trained(words, 'again', words / 'other.pth', resume=True)


def test_the_config_that_runs_is_the_one_that_is_saved(words):
    trained(words, 'run', steps=1)
    content = torch.load(words / 'run/iter_1.pth', weights_only=False)
    content['message_hub']['runtime_info']['cfg'] = 'other'
    content['meta']['config'] = 'gpu_ids = [0]\nraise SystemExit\n'
    torch.save(content, words / 'other.pth')
    runner, _ = trained(words, 'again', words / 'other.pth', resume=True, steps=2)
    assert runner.message_hub.get_info('cfg') == runner.cfg.pretty_text
