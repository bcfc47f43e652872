import logging
from types import SimpleNamespace

import pytest
from torch import nn

from mmocr_siga.engine.hooks import LossScheduleHook


def runner(iteration=0):
    model = nn.Module()
    model.head = nn.Module()
    model.head.weight = 1.0
    return SimpleNamespace(model=model, iter=iteration, logger=logging.getLogger('test'))


def play(hook, run, iterations):
    values = []
    hook.before_train(run)
    for iteration in range(run.iter, iterations):
        run.iter = iteration
        hook.before_train_iter(run, run.iter)
        values.append(run.model.head.weight)
    return values


def test_values_hold_from_their_iteration_on():
    hook = LossScheduleHook({'head.weight': {'2': 0.3, 4: 0.1}})
    assert play(hook, runner(), 6) == [1.0, 1.0, 0.3, 0.3, 0.1, 0.1]


@pytest.mark.parametrize('start,want', [(1, [1.0, 0.3, 0.3]), (3, [0.3]), (2, [0.3, 0.3])])
def test_a_resumed_run_goes_on_alike(start, want):
    hook = LossScheduleHook({'head.weight': {2: 0.3}})
    assert play(hook, runner(start), 4) == want


def test_a_path_that_does_not_exist_is_named():
    with pytest.raises(AttributeError, match=r"'head.wieght'.*'wieght'"):
        LossScheduleHook({'head.wieght': {2: 0.3}}).before_train(runner())
    with pytest.raises(AttributeError, match="'haed'"):
        LossScheduleHook({'haed.weight': {2: 0.3}}).before_train(runner())


def test_negative_iterations_are_refused():
    with pytest.raises(ValueError, match='count from 0'):
        LossScheduleHook({'head.weight': {-1: 0.3}})
