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


def average(weights):
    mean = weights[0]
    for step, weight in enumerate(weights[1:], 1):
        mean = mean.lerp(weight, 0.1 + 0.9 * math.exp(-(1 + step) / 3))
    return mean


def test_averages_are_kept_published_and_tested(tmp_path):
    cfg = toy_config(write_words(tmp_path), 'run', param_scheduler=None, optim_wrapper=dict(
        type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1)))
    cfg.default_hooks['ema'] = dict(EMA, momentum=0.1, gamma=3)
    weights = EachStep(lambda runner: runner.model.state_dict()[KEY].clone(), after=True)
    runner = build(cfg)
    runner.register_hook(weights, 'VERY_HIGH')  # before the average is updated
    runner.train()
    saved = torch.load(tmp_path / 'run/epoch_1.pth', weights_only=False)
    torch.testing.assert_close(saved['state_dict'][KEY], average(weights.seen))
    torch.testing.assert_close(saved['ema_state_dict']['module.' + KEY], weights.seen[-1])
    assert not torch.allclose(average(weights.seen), weights.seen[-1])
    publish = runpy.run_path(str(REPO / 'tools/checkpoints/publish_checkpoint.py'))['publish']
    publish(tmp_path / 'run/epoch_1.pth', tmp_path / 'small.pth')
    small = torch.load(tmp_path / 'small.pth', weights_only=True)
    torch.testing.assert_close(small['state_dict'][KEY], average(weights.seen))
    assert 'ema_state_dict' not in small
    # As `mim test` reads the whole checkpoint, with the hook in the config.
    cfg, used = toy_config(tmp_path, 'test'), []
    cfg.default_hooks['ema'] = EMA
    runner = build(cfg, tmp_path / 'run/epoch_1.pth')
    runner.model.register_forward_pre_hook(
        lambda *_: used.append(runner.model.state_dict()[KEY].clone()))
    runner.test()
    torch.testing.assert_close(used[0], average(weights.seen))


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
    cfg = Config.fromfile(tmp_path / 'own.py')
    assert cfg.default_hooks.ema == EMA and 'checkpoint' in cfg.default_hooks
    assert cfg.optim_wrapper.accumulative_counts == 4
