"""Averaged weights and accumulated gradients, as docs/reports/performance.md switches them on."""
import copy
import math
import re
import runpy

import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.helpers.toy_run import EachStep, build, toy_config, write_words
from tests.helpers.words import sample

KEY = 'backbone.layers.0.weight'
TINY = REPO / 'configs/siga_tiny.py'
EMA = dict(type='EMAHook', ema_type='mmdet.ExpMomentumEMA')


def run(folder, epochs, resume=False):
    """The weights of the model after every step, before the average is updated."""
    cfg = toy_config(folder, 'run', max_epochs=epochs, param_scheduler=None, optim_wrapper=dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)))
    cfg.default_hooks['ema'] = dict(EMA, momentum=0.1, gamma=3)
    cfg.default_hooks['checkpoint'].update(save_best='recog/word_acc', rule='greater')
    weights = EachStep(lambda runner: runner.model.state_dict()[KEY].clone(), after=True)
    runner = build(cfg, resume=resume)
    runner.register_hook(weights, 'VERY_HIGH')
    runner.train()
    return weights.seen


def average(weights):
    mean = weights[0]
    for step, weight in enumerate(weights[1:], 1):
        share = 0.1 + 0.9 * math.exp(-(1 + step) / 3)
        mean = mean + share * (weight - mean)
    return mean


def test_averages_are_kept_resumed_published_and_tested(tmp_path):
    seen = run(write_words(tmp_path), 2)
    saved = torch.load(tmp_path / 'run/epoch_2.pth', weights_only=False)
    torch.testing.assert_close(saved['state_dict'][KEY], average(seen))
    torch.testing.assert_close(saved['ema_state_dict']['module.' + KEY], seen[-1])
    assert not torch.allclose(average(seen), seen[-1])
    # The best one is that of the averaged weights, which were validated.
    best = torch.load(next((tmp_path / 'run').glob('best_*.pth')), weights_only=False)
    assert any(torch.allclose(best['state_dict'][KEY], average(seen[:2 * epoch]))
               for epoch in (1, 2))
    publish = runpy.run_path(str(REPO / 'tools/checkpoints/publish_checkpoint.py'))['publish']
    publish(tmp_path / 'run/epoch_2.pth', tmp_path / 'small.pth')
    small = torch.load(tmp_path / 'small.pth', weights_only=True)
    torch.testing.assert_close(small['state_dict'][KEY], average(seen))
    assert 'ema_state_dict' not in small
    # As `mim test` reads the whole checkpoint, with the hook in the config.
    cfg, used = toy_config(tmp_path, 'test'), []
    cfg.default_hooks['ema'] = EMA
    runner = build(cfg, tmp_path / 'run/epoch_2.pth')
    runner.model.register_forward_pre_hook(
        lambda *_: used.append(runner.model.state_dict()[KEY].clone()))
    runner.test()
    torch.testing.assert_close(used[0], average(seen))
    # A run that is resumed goes on with both.
    more = run(tmp_path, 3, resume=True)
    last = torch.load(tmp_path / 'run/epoch_3.pth', weights_only=False)['state_dict'][KEY]
    torch.testing.assert_close(last, average(seen + more))


@pytest.mark.parametrize('name', ['siga_tiny.py', 'plugins/nrtr_tiny_plugged.py'])
def test_our_models_can_be_averaged(name):
    """The average is a copy of the model: the copy must read as it does."""
    model = MODELS.build(Config.fromfile(REPO / 'configs' / name).model).eval()
    other, batch = copy.deepcopy(model), (torch.rand(1, 3, 32, 128), [sample('')])
    with torch.no_grad():
        expected = model(*batch)
        torch.testing.assert_close(other(*batch), expected)
        for parameter in other.parameters():
            parameter.zero_()
        assert not torch.allclose(other(*batch), expected)
        torch.testing.assert_close(model(*batch), expected)  # nothing is shared


def test_lines_for_a_config(tmp_path):
    page = (REPO / 'docs/reports/performance.md').read_text(encoding='utf-8')
    lines, = (block for block in re.findall(r'```python\n(.*?)```', page, re.DOTALL)
              if 'ExpMomentumEMA' in block)
    (tmp_path / 'own.py').write_text(lines.replace("'siga_tiny.py'", repr(str(TINY))))
    cfg, plain = Config.fromfile(tmp_path / 'own.py'), Config.fromfile(TINY)
    assert cfg.default_hooks.ema == EMA and 'checkpoint' in cfg.default_hooks
    assert cfg.optim_wrapper.accumulative_counts == 4
    plain.merge_from_dict({'default_hooks.ema.type': 'EMAHook',
                           'default_hooks.ema.ema_type': 'mmdet.ExpMomentumEMA',
                           'optim_wrapper.accumulative_counts': 4})
    assert plain.default_hooks == cfg.default_hooks
    assert plain.optim_wrapper == cfg.optim_wrapper
