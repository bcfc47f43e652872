"""Averaged weights and accumulated gradients, as docs/reports/performance.md switches them on."""
import copy
import importlib.util
import math
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample

from tests.helpers.toy_run import toy_config, write_words

ROOT = Path(__file__).resolve().parents[2]
NAME = 'layers.0.weight'
TINY = ROOT / 'configs/siga_tiny.py'
EMA = dict(type='EMAHook', ema_type='mmdet.ExpMomentumEMA')


class Weights(Hook):
    """The weights of the model after every step, before the average is updated."""

    priority = 'VERY_HIGH'

    def __init__(self):
        self.seen = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen.append(runner.model.backbone.state_dict()[NAME].clone())


def run(tmp_path, epochs, resume=False, **ema):
    cfg = toy_config(tmp_path, tmp_path / 'run', max_epochs=epochs)
    cfg.optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))
    cfg.param_scheduler = None
    cfg.default_hooks['ema'] = dict(EMA, **ema)
    cfg.default_hooks['checkpoint'] = dict(
        type='CheckpointHook', interval=1, save_best='recog/word_acc', rule='greater')
    cfg.resume = resume
    runner = Runner.from_cfg(cfg)
    weights = Weights()
    runner.register_hook(weights)
    runner.train()
    return weights.seen, runner


def average(weights, momentum, gamma):
    mean = weights[0]
    for step, weight in enumerate(weights[1:], 1):
        share = momentum + (1 - momentum) * math.exp(-(1 + step) / gamma)
        mean = mean + share * (weight - mean)
    return mean


def test_checkpoints_hold_the_average_and_resume(tmp_path):
    write_words(tmp_path)
    seen, _ = run(tmp_path, 2, momentum=0.1, gamma=3)
    folder = tmp_path / 'run'
    key = 'backbone.' + NAME
    saved = torch.load(folder / 'epoch_2.pth', weights_only=False)
    torch.testing.assert_close(saved['state_dict'][key], average(seen, 0.1, 3))
    torch.testing.assert_close(saved['ema_state_dict']['module.' + key], seen[-1])
    assert not torch.allclose(average(seen, 0.1, 3), seen[-1])
    # The best one is that of the averaged weights, which were validated.
    best = torch.load(next(folder.glob('best_*.pth')), weights_only=False)
    averages = [average(seen[:2 * epoch], 0.1, 3) for epoch in (1, 2)]
    assert any(torch.allclose(best['state_dict'][key], mean) for mean in averages)
    # A run that is resumed goes on with both.
    more, _ = run(tmp_path, 3, resume=True, momentum=0.1, gamma=3)
    last = torch.load(folder / 'epoch_3.pth', weights_only=False)['state_dict'][key]
    torch.testing.assert_close(last, average(seen + more, 0.1, 3))


def test_published_weights_and_tests_are_of_the_average(tmp_path):
    write_words(tmp_path)
    seen, _ = run(tmp_path, 1, momentum=0.1, gamma=3)
    spec = importlib.util.spec_from_file_location(
        'publish', ROOT / 'tools/checkpoints/publish_checkpoint.py')
    publish = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(publish)
    publish.publish(tmp_path / 'run' / 'epoch_1.pth', tmp_path / 'small.pth')
    small = torch.load(tmp_path / 'small.pth', weights_only=True)
    torch.testing.assert_close(small['state_dict']['backbone.' + NAME], average(seen, 0.1, 3))
    assert 'ema_state_dict' not in small
    # As `mim test` reads the whole checkpoint, with the hook in the config.
    cfg = toy_config(tmp_path, tmp_path / 'test')
    cfg.default_hooks['ema'] = EMA
    cfg.load_from = str(tmp_path / 'run' / 'epoch_1.pth')
    runner = Runner.from_cfg(cfg)
    used = []
    runner.model.register_forward_pre_hook(
        lambda *_: used.append(runner.model.backbone.state_dict()[NAME].clone()))
    runner.test()
    torch.testing.assert_close(used[0], average(seen, 0.1, 3))


@pytest.mark.parametrize('name', ['siga_tiny.py', 'plugins/nrtr_tiny_plugged.py'])
def test_our_models_can_be_averaged(name):
    """The average is a copy of the model: the copy must read as it does."""
    model = MODELS.build(Config.fromfile(ROOT / 'configs' / name).model).eval()
    other = copy.deepcopy(model)
    image, sample = torch.rand(1, 3, 32, 128), TextRecogDataSample()
    sample.set_metainfo(dict(valid_ratio=1.0))
    with torch.no_grad():
        expected = model(image, [sample])
        torch.testing.assert_close(other(image, [sample]), expected)
        for parameter in other.parameters():
            parameter.zero_()
        assert not torch.allclose(other(image, [sample]), expected)
        torch.testing.assert_close(model(image, [sample]), expected)  # nothing is shared


def test_lines_for_a_config(tmp_path):
    page = (ROOT / 'docs/reports/performance.md').read_text(encoding='utf-8')
    lines, = (block for block in re.findall(r'```python\n(.*?)```', page, re.DOTALL)
              if 'ExpMomentumEMA' in block)
    (tmp_path / 'own.py').write_text(lines.replace("'siga_tiny.py'", repr(str(TINY))))
    cfg = Config.fromfile(tmp_path / 'own.py')
    assert cfg.default_hooks.ema == EMA and 'checkpoint' in cfg.default_hooks
    assert cfg.optim_wrapper.accumulative_counts == 4
    assert cfg.optim_wrapper.optimizer.type == 'AdamW'
    plain = Config.fromfile(TINY)
    plain.merge_from_dict({'default_hooks.ema.type': 'EMAHook',
                           'default_hooks.ema.ema_type': 'mmdet.ExpMomentumEMA',
                           'optim_wrapper.accumulative_counts': 4})
    assert plain.default_hooks == cfg.default_hooks
    assert plain.optim_wrapper == cfg.optim_wrapper
