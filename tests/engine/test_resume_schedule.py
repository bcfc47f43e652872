"""A run that is stopped in the middle of its schedule goes on as if it had not been."""
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from tests.helpers.toy_run import toy_config, write_words

STEPS, STOP = 12, 5
SCHEDULES = dict(
    one_cycle=(dict(type='Adam', lr=4.5e-4),
               dict(type='OneCycleLR', eta_max=4.5e-4, total_steps=STEPS, div_factor=20,
                    final_div_factor=1000, by_epoch=False)),
    cosine=(dict(type='Adadelta', lr=1.0),
            dict(type='CosineAnnealingLR', T_max=STEPS, eta_min=0, by_epoch=False)))


class Curve(Hook):
    """Learning rates of every iteration, and a stop."""

    def __init__(self, stop=None):
        self.rates, self.stop = {}, stop

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == self.stop:
            raise KeyboardInterrupt
        self.rates[runner.iter] = runner.optim_wrapper.get_lr()['lr'][0]


def run(tmp_path, name, folder, stop=None, resume=None):
    optimizer, schedule = SCHEDULES[name]
    cfg = toy_config(tmp_path, tmp_path / folder)
    cfg.optim_wrapper = dict(type='OptimWrapper', optimizer=optimizer, clip_grad=dict(max_norm=5))
    cfg.param_scheduler = [schedule]
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=STEPS, val_interval=1000)
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.train_dataloader['sampler'] = dict(type='InfiniteSampler', shuffle=False)
    cfg.default_hooks['checkpoint'] = dict(type='CheckpointHook', interval=1, by_epoch=False)
    cfg.log_processor = dict(by_epoch=False)
    if resume:
        cfg.load_from, cfg.resume = str(resume), True
    runner = Runner.from_cfg(cfg)
    curve = Curve(stop)
    runner.register_hook(curve)
    if stop is None:
        runner.train()
    else:
        with pytest.raises(KeyboardInterrupt):
            runner.train()
    return curve.rates, runner


@pytest.mark.parametrize('name', SCHEDULES)
def test_the_learning_rate_goes_on(tmp_path, name):
    write_words(tmp_path)
    whole, first = run(tmp_path, name, 'whole')
    assert len(whole) == STEPS and len(set(whole.values())) > STEPS // 2  # it is a curve
    before, _ = run(tmp_path, name, 'stopped', stop=STOP)
    after, second = run(tmp_path, name, 'resumed', resume=tmp_path / 'stopped' / f'iter_{STOP}.pth')
    assert sorted(before) == list(range(STOP)) and sorted(after) == list(range(STOP, STEPS))
    assert {**before, **after} == pytest.approx(whole, rel=1e-9)
    # Nor is anything else forgotten: the weights end up the same.
    for key, value in first.model.state_dict().items():
        torch.testing.assert_close(second.model.state_dict()[key], value, rtol=1e-4, atol=1e-6)
