"""tools/gpu/reader.py trains the packaged reader on, within a time."""
import json
from types import SimpleNamespace

import pytest
import reader
import torch
from mmengine.config import ConfigDict
from mmocr.registry import MODELS
from torch import nn

from mmocr_siga.compat.checkpoint import load
from tests.helpers.word_sets import write_boxed_sets, write_lmdb


def test_the_rate_falls_with_the_time_that_has_passed(monkeypatch, tmp_path):
    now = [100.]
    monkeypatch.setattr(reader.time, 'monotonic', lambda: now[0])
    group = dict(lr=2.)
    runner = SimpleNamespace(iter=0, train_loop=SimpleNamespace(stop_training=False),
                             optim_wrapper=SimpleNamespace(param_groups=[group]))
    hook = reader.TimedSchedule(80., tmp_path, warm_up=10)
    hook.before_train(runner)
    rates = {}
    for runner.iter, now[0] in (0, 100.), (9, 120.), (20, 140.), (30, 180.), (31, 999.):
        hook.before_train_iter(runner, 0)
        rates[runner.iter] = group['lr']
        assert runner.train_loop.stop_training == (now[0] >= 180.)
    # A tenth of the warm-up; a quarter of the time is (1 + cos 45 degrees) / 2 of the way down.
    assert rates[0] == pytest.approx(0.2)
    assert rates[9] == pytest.approx(2 * (0.01 + 0.99 * (1 + 2 ** -0.5) / 2))
    assert rates[20] == pytest.approx(2 * (0.01 + 0.99 / 2))
    assert rates[30] == rates[31] == pytest.approx(0.02)


def test_nothing_is_fetched():
    cfg = ConfigDict(a=dict(init_cfg=dict(type='PretrainedPPOCRv6', part='x'), b=1),
                     c=dict(d=dict(init_cfg=dict(type='Kaiming'))))
    reader.without_pretrained(cfg)
    assert cfg == dict(a=dict(b=1), c=dict(d=dict(init_cfg=dict(type='Kaiming'))))


def test_without_another_teacher_the_reader_is_its_own(tmp_path):
    cfg, who = reader.recipe(SimpleNamespace(teacher=tmp_path / 'none.pth', out=tmp_path, batch=192,
                                             workers=2))
    assert who == 'the packaged reader'
    assert cfg.optim_wrapper.optimizer.lr == pytest.approx(2 * 4e-5)  # of 48 words it is 4e-5
    model = MODELS.build(cfg.model.plugins.keep.teacher)
    state, packed = load(tmp_path / 'teacher.pth')['state_dict'], load(reader.PACKED)['state_dict']
    assert not nn.Module.load_state_dict(model, state, strict=False).missing_keys
    name = next(name for name in packed if name.startswith('encoder.sequence.'))
    assert torch.equal(state[name.replace('sequence.', '')], packed[name])


def test_steps_then_weights_that_begin_as_the_packaged_ones(tmp_path, monkeypatch):
    root = write_boxed_sets(tmp_path / 'data')
    for name in ('contextless', 'plates', 'serial', 'incidental', 'words'):
        write_lmdb(root / f'release/{name}/train', ['one', 'two'])
    monkeypatch.setenv('SIGA_DATA', str(root))
    monkeypatch.setenv('SIGA_MISSING', 'skip')
    out = tmp_path / 'out'
    assert reader.main([str(out), '--seconds', '0.01', '--batch', '2', '--workers', '0']) == 0
    found = json.loads((out / 'reader.json').read_text())
    assert found['steps'] >= 1 and 'IIIT5K/recog/word_acc' in found['tested']
    state, packed = (load(path)['state_dict'] for path in (out / 'reader.pth', reader.PACKED))
    assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float16}
    assert not any(name.startswith('plugins.') for name in state)
    # A step of the first rate moves no weight far; statistics of batches go their own way.
    for name, value in packed.items():
        if 'running' not in name and 'batches' not in name:
            ours = name.replace('decoder.', 'decoder.first.')
            torch.testing.assert_close(state[ours].float(), value.float(), rtol=0.02, atol=0.02)
