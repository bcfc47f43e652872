"""Trainings that are killed go on from the newest checkpoint as if nothing had been."""
import pytest

from tests.robustness.kills import LOOPS, STEPS, Kill, Trainings, kills


@pytest.fixture(scope='module', params=LOOPS)
def trainings(request, tmp_path_factory):
    return Trainings(tmp_path_factory.mktemp(request.param), LOOPS[request.param])


def test_killed_runs_equal_the_whole_one(trainings):
    assert len(trainings.curve) == STEPS
    # After the second checkpoint, in the midst of two steps of one gradient; the first one while
    # it is written, the second before it has its name, and before the first is removed.
    points = [Kill(step=7), Kill(operation=0), Kill(operation=9), Kill(operation=13),
              *kills(seed=0, count=2)]
    for kill in points if trainings.workers == 0 else points[:1]:
        outcome = trainings.killed(kill)
        assert outcome.killed and outcome.problem is None, (kill, outcome)
