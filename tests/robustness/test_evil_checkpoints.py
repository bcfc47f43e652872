"""Nothing in a checkpoint is executed, names files that go, or takes memory by the gigabyte."""
import pytest

from tests.robustness.evil_checkpoints import DAMAGED, DELETES, FILLS, PAYLOADS, RUNS_CODE, Station

# What is data to a door, and goes in.
TAKEN = {'config', 'gpu_ids', 'cfg', 'hub_cfg', 'hub_type', 'best', 'best_of_two', 'last', 'keep',
         'numbers', 'far', 'no_number', 'genuine'}
# Where each kind does its harm if it does any.
CASES = [*((payload, 'load') for payload in {**RUNS_CODE, **FILLS, **DAMAGED}),
         *((payload, 'resume') for payload in ('config', 'gpu_ids', 'best', 'keep', 'numbers')),
         *((payload, 'auto_resume') for payload in ('best', 'keep')),
         ('best_of_two', 'resume_two_metrics'),
         *((payload, 'mmocr_inferencer_alone') for payload in ('cfg', 'hub_cfg', 'hub_type')),
         *((name, 'pretrained') for name in ('system', 'deflated', 'nan')),
         ('far', 'resume'), ('no_number', 'resume'),
         ('genuine', 'resume'), ('genuine', 'mmocr_inferencer')]


@pytest.fixture(scope='module')
def station(tmp_path_factory):
    return Station(tmp_path_factory.mktemp('evil'))


@pytest.mark.parametrize('payload, door', CASES)
def test_no_harm(station, payload, door):
    visit = station.visit(payload, door)
    assert visit.harm is None
    taken = payload in TAKEN - (set() if door == 'load' else {'no_number', 'far'})
    if door == 'mmocr_inferencer_alone':
        taken = False
    assert (visit.refused is None) == taken, visit.refused


def test_each_payload_is_sent_somewhere():
    assert {payload for payload, _ in CASES} >= PAYLOADS.keys() - DELETES.keys()
