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


@pytest.mark.parametrize('values, start, want', [
    ({'2': 0.3, 4: 0.1}, 0, [1.0, 1.0, 0.3, 0.3, 0.1, 0.1]),
    # A resumed run goes on alike.
    ({2: 0.3}, 1, [1.0, 0.3, 0.3, 0.3, 0.3]), ({2: 0.3}, 2, [0.3] * 4), ({2: 0.3}, 3, [0.3] * 3)])
def test_values_hold_from_their_iteration_on(values, start, want):
    hook, run, found = LossScheduleHook({'head.weight': values}), runner(start), []
    hook.before_train(run)
    for run.iter in range(start, 6):
        hook.before_train_iter(run, run.iter)
        found.append(run.model.head.weight)
    assert found == want


@pytest.mark.parametrize('path, at, error, named', [
    ('head.wieght', 2, AttributeError, r"'head.wieght'.*'wieght'"),
    ('haed.weight', 2, AttributeError, "'haed'"), ('head.weight', -1, ValueError, 'count from 0')])
def test_what_does_not_exist_is_named(path, at, error, named):
    with pytest.raises(error, match=named):
        LossScheduleHook({path: {at: 0.3}}).before_train(runner())
