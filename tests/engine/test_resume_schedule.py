"""A run that is stopped in the middle of its schedule goes on as if it had not been."""
import pytest
import torch

from tests.helpers.toy_run import EachStep, build, toy_config, write_words

STEPS, STOP = 12, 5
SCHEDULES = dict(
    one_cycle=(dict(type='Adam', lr=4.5e-4),
               dict(type='OneCycleLR', eta_max=4.5e-4, total_steps=STEPS, div_factor=20,
                    final_div_factor=1000, by_epoch=False)),
    cosine=(dict(type='Adadelta', lr=1.0),
            dict(type='CosineAnnealingLR', T_max=STEPS, eta_min=0, by_epoch=False)))


def run(folder, schedule, name, stop=None, resume=None):
    """The learning rates by iteration, and the model."""
    optimizer, scheduler = SCHEDULES[schedule]

    def rate(runner):
        if runner.iter == stop:
            raise KeyboardInterrupt
        return runner.iter, runner.optim_wrapper.get_lr()['lr'][0]

    curve = EachStep(rate)
    runner = build(toy_config(
        folder, name, max_iters=STEPS, param_scheduler=[scheduler],
        optim_wrapper=dict(type='OptimWrapper', optimizer=optimizer, clip_grad=dict(max_norm=5)),
    ), resume, resume=bool(resume), hooks=[curve])
    if stop is None:
        runner.train()
    else:
        with pytest.raises(KeyboardInterrupt):
            runner.train()
    return dict(curve.seen), runner.model


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
    for key, value in first.state_dict().items():
        torch.testing.assert_close(second.state_dict()[key], value, rtol=1e-4, atol=1e-6)
