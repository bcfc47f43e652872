from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.model import BaseModel
from mmengine.runner import Runner
from mmocr.datasets import ConcatDataset
from mmocr.registry import HOOKS

from mmocr_siga.datasets import CheckedTextDataset, LoadWordImage, WordTSVDataset
from mmocr_siga.datasets.wrappers.checked_text_dataset import SkipReason
from mmocr_siga.engine.hooks import SkipReportHook
from mmocr_siga.engine.hooks import skip_report_hook as module
from mmocr_siga.engine.hooks.skip_report_hook import checked_datasets

DICTIONARY = dict(type='WordDictionary', dict_file='lower_english_digits.txt')


class Model(BaseModel):

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.weight.sum())


def dataset(folder, missing=(1, 3)):
    """Six words. Images in ``missing`` do not exist."""
    folder.mkdir()
    for i in set(range(6)) - set(missing):
        img = np.zeros((4, 6, 3), np.uint8)
        (folder / f'{i}.png').write_bytes(cv2.imencode('.png', img)[1].tobytes())
    (folder / 'a.tsv').write_text(''.join(f'{i}.png\tw{i}\n' for i in range(6)))

    def pack(results):
        return dict(inputs=torch.zeros(1))

    inner = WordTSVDataset(ann_file='a.tsv', data_root=str(folder), serialize_data=False,
                           pipeline=[LoadWordImage(), pack])
    return CheckedTextDataset(inner, DICTIONARY)


class FakeRunner:

    def __init__(self, data):
        self.train_dataloader = SimpleNamespace(dataset=data)
        self.logger = SimpleNamespace(log=lambda level, text: self.logged.append(text))
        self.logged = []


def train(data, tmp_path, caplog, loop, hook=None):
    runner = Runner(
        model=Model(),
        work_dir=str(tmp_path / 'work'),
        train_dataloader=dict(
            dataset=data, batch_size=2, num_workers=0, sampler=dict(
                type='InfiniteSampler' if 'max_iters' in loop else 'DefaultSampler',
                shuffle=False)),
        train_cfg=loop, optim_wrapper=dict(optimizer=dict(type='SGD', lr=.1)),
        default_hooks=dict(checkpoint=None, logger=None),
        custom_hooks=[hook or SkipReportHook()], default_scope='mmocr',
        experiment_name=tmp_path.name, log_level='WARNING')
    # The runner's logger passes nothing on to its parents.
    runner.logger.addHandler(caplog.handler)
    caplog.clear()
    runner.train()
    return [m for m in caplog.messages if m.startswith('Replaced')]


def test_one_report_for_samples_met_in_every_epoch(tmp_path, caplog):
    data = dataset(tmp_path / 'a')
    loop = dict(by_epoch=True, max_epochs=3)
    messages = train(data, tmp_path, caplog, loop, SkipReportHook(interval=1))
    assert len(messages) == 1
    assert '2 of 6 (2 missing); 2 new' in messages[0]
    assert f'{tmp_path}/a/1.png (missing), {tmp_path}/a/3.png (missing)' in messages[0]


def test_only_what_is_new_is_reported_next(tmp_path):
    data = dataset(tmp_path / 'a', missing=())
    runner, hook = FakeRunner(data), SkipReportHook()
    hook.before_train(runner)
    data.skip_flags[1] = SkipReason.MISSING
    hook.after_train_epoch(runner)
    hook.after_train_epoch(runner)
    data.skip_flags[4] = SkipReason.NO_RESULT
    hook.after_train(runner)
    first, second = runner.logged
    assert '1 of 6 (1 missing); 1 new' in first and '1.png' in first
    assert '2 of 6 (1 missing, 1 without a result of the pipeline); 1 new' in second
    assert '4.png' in second and '1.png' not in second


def test_loops_without_epochs_report_at_intervals(tmp_path, caplog):
    data = dataset(tmp_path / 'a', missing=(1, 5))
    loop = dict(by_epoch=False, max_iters=4)
    messages = train(data, tmp_path, caplog, loop, SkipReportHook(interval=2, max_examples=0))
    # Word 1 is in the first batch, word 5 in the third.
    assert ['1 of 6' in messages[0], '2 of 6' in messages[1], len(messages)] == [True, True, 2]
    assert '.png' not in messages[0]


@pytest.mark.parametrize('checked', [True, False])
def test_nothing_is_reported_where_nothing_happened(tmp_path, caplog, checked):
    data = dataset(tmp_path / 'a', missing=())
    data = data if checked else data.members[0]  # others are none of its business
    assert train(data, tmp_path, caplog, dict(by_epoch=True, max_epochs=2)) == []


def test_wrappers_are_looked_into(tmp_path):
    one, two = dataset(tmp_path / 'a'), dataset(tmp_path / 'b')
    both = ConcatDataset([one.members[0]])
    both.datasets = [one, SimpleNamespace(dataset=two)]
    assert checked_datasets(both) == [one, two]
    assert checked_datasets(object()) == []


def test_processes_count_together(tmp_path, monkeypatch):
    data = dataset(tmp_path / 'a', missing=())
    data.skip_flags[2] = 1

    def all_reduce(flags, op):
        assert op == 'max'
        flags[:] = torch.maximum(flags, torch.tensor([0, 0, 0, 2, 0, 0], dtype=torch.uint8))

    monkeypatch.setattr(module, 'get_world_size', lambda: 2)
    monkeypatch.setattr(module, 'all_reduce', all_reduce)
    runner, hook = FakeRunner(data), SkipReportHook()
    hook.before_train(runner)
    hook.after_train_epoch(runner)
    hook.after_train(runner)
    text, = runner.logged
    assert '2 of 6 (1 missing, 1 unreadable); 2 new' in text
    # The marks of this process stay its own.
    assert data.skip_flags.tolist() == [0, 0, 1, 0, 0, 0]


def test_arguments_are_checked():
    assert HOOKS.build(dict(type='SkipReportHook', interval=5)).interval == 5
    for wrong in (dict(interval=0), dict(max_examples=-1)):
        with pytest.raises(ValueError, match='interval'):
            SkipReportHook(**wrong)
