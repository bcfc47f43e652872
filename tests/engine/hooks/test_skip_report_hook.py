from types import SimpleNamespace

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmocr.datasets import ConcatDataset

from mmocr_siga.datasets import CheckedTextDataset, LoadWordImage, WordTSVDataset
from mmocr_siga.datasets.wrappers.checked_text_dataset import SkipReason
from mmocr_siga.engine.hooks import SkipReportHook
from mmocr_siga.engine.hooks import skip_report_hook as module
from mmocr_siga.engine.hooks.skip_report_hook import counting_datasets
from tests.helpers.word_sets import write_tsv
from tests.helpers.words import DICTIONARY

EPOCHS = dict(by_epoch=True, max_epochs=3)


class Model(BaseModel):

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.weight.sum())


def dataset(folder, missing=()):
    """Six words. Images in ``missing`` do not exist."""
    table = write_tsv(folder / 'a.tsv', [f'w{i}' for i in range(6)])
    for i in missing:
        (folder / f'a_images/{i}.png').unlink()
    inner = WordTSVDataset(
        ann_file=table.name, data_root=str(folder), serialize_data=False,
        pipeline=[LoadWordImage(), lambda results: dict(inputs=torch.zeros(1))])
    return CheckedTextDataset(inner, DICTIONARY)


@pytest.fixture
def train(tmp_path, caplog):
    """Trains on a data set; returns what is reported."""
    def train(data, loop, **options):
        kind = 'InfiniteSampler' if 'max_iters' in loop else 'DefaultSampler'
        runner = Runner(
            model=Model(), work_dir=str(tmp_path / 'work'),
            train_dataloader=dict(dataset=data, batch_size=2, num_workers=0,
                                  sampler=dict(type=kind, shuffle=False)),
            train_cfg=loop, optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1)),
            default_hooks=dict(checkpoint=None, logger=None),
            custom_hooks=[dict(type='SkipReportHook', **options)], default_scope='mmocr',
            experiment_name=tmp_path.name, log_level='WARNING')
        # The runner's logger passes nothing on to its parents.
        runner.logger.addHandler(caplog.handler)
        caplog.clear()
        runner.train()
        return [m for m in caplog.messages if m.startswith('Replaced')]
    return train


@pytest.fixture
def started(tmp_path):
    """A data set without faults, a hook that reports on it, a runner, and what it logs."""
    data, hook, logged = dataset(tmp_path), SkipReportHook(), []
    runner = SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=data),
        logger=SimpleNamespace(log=lambda level, text: logged.append(text)))
    hook.before_train(runner)
    return data, hook, runner, logged


def test_one_report_for_samples_met_in_every_epoch(tmp_path, train):
    message, = train(dataset(tmp_path, missing=(1, 3)), EPOCHS, interval=1)
    assert '2 of 6 (2 missing); 2 new' in message
    folder = f'{tmp_path}/a_images'
    assert f'{folder}/1.png (missing), {folder}/3.png (missing)' in message


def test_only_what_is_new_is_reported_next(started):
    data, hook, runner, logged = started
    data.skip_flags[1] = SkipReason.MISSING
    hook.after_train_epoch(runner)
    hook.after_train_epoch(runner)
    data.skip_flags[4] = SkipReason.NO_RESULT
    hook.after_train(runner)
    first, second = logged
    assert '1 of 6 (1 missing); 1 new' in first and '1.png' in first
    assert '2 of 6 (1 missing, 1 without a result of the pipeline); 1 new' in second
    assert '4.png' in second and '1.png' not in second


def test_loops_without_epochs_report_at_intervals(tmp_path, train):
    first, second = train(dataset(tmp_path, missing=(1, 5)), dict(by_epoch=False, max_iters=4),
                          interval=2, max_examples=0)
    # Word 1 is in the first batch, word 5 in the third.
    assert '1 of 6' in first and '2 of 6' in second and '.png' not in first


@pytest.mark.parametrize('checked', [True, False])
def test_nothing_is_reported_where_nothing_happened(tmp_path, train, checked):
    data = dataset(tmp_path)
    # Other data sets are none of its business.
    assert train(data if checked else data.members[0], EPOCHS) == []


def test_wrappers_are_looked_into_and_arguments_checked(tmp_path):
    one, two = dataset(tmp_path / 'a'), dataset(tmp_path / 'b')
    both = ConcatDataset([one.members[0]])
    both.datasets = [one, SimpleNamespace(dataset=two)]
    assert counting_datasets(both) == [one, two]
    assert counting_datasets(object()) == []
    for wrong in (dict(interval=0), dict(max_examples=-1)):
        with pytest.raises(ValueError, match='interval'):
            SkipReportHook(**wrong)


def test_processes_count_together(started, monkeypatch):
    data, hook, runner, logged = started
    data.skip_flags[2] = 1

    def all_reduce(flags, op):
        assert op == 'max'
        flags[:] = torch.maximum(flags, torch.tensor([0, 0, 0, 2, 0, 0], dtype=torch.uint8))

    monkeypatch.setattr(module, 'get_world_size', lambda: 2)
    monkeypatch.setattr(module, 'all_reduce', all_reduce)
    hook.after_train_epoch(runner)
    hook.after_train(runner)
    text, = logged
    assert '2 of 6 (1 missing, 1 unreadable); 2 new' in text
    # The marks of this process stay its own.
    assert data.skip_flags.tolist() == [0, 0, 1, 0, 0, 0]
