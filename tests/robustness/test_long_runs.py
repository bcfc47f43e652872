"""The long runs of ``tools/robustness.py`` in a short form, where no other test has it: kills,
checkpoints and the page have tests of their own. No clock decides here."""
import math

import pytest

from tools import robustness


@pytest.mark.parametrize('part, count, options', [
    ('pictures', 112, dict(hang=math.inf)), ('datasets', 14, {}), ('memory', 48, {})])
def test_nothing_is_wrong(part, count, options):
    run, _ = robustness.PARTS[part]
    line, faults = run(count, seed=0, first=0, **options)
    assert faults == [] and line.startswith(f'{count} ')


def test_a_lost_batch_is_a_fault_by_its_number(monkeypatch, capsys):
    read = robustness.reader()

    def loses(inputs):
        if isinstance(inputs, list) and inputs[3] == 5:
            raise TypeError('five')
        return read(inputs)

    monkeypatch.setattr(robustness, 'reader', lambda: loses)
    monkeypatch.setattr('tests.robustness.hostile_pictures.hostile_pictures',
                        lambda *_: ((str(n), n) for n in range(40)))
    assert robustness.main(['pictures', '--count', '20', '--first', '2']) == 1
    said = capsys.readouterr()
    assert said.out.startswith('pictures: 20 inputs of 20 kinds, 1 batches lost, 0 hangs')
    assert '0 read, 4 errors' in said.out
    assert 'pictures --seed 0 --first 2: the batch from here is lost: TypeError' in said.err
