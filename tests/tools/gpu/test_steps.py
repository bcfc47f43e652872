"""tools/gpu/steps.py: steps that fail, hang or come too late cost no other one."""
import json
import os
import sys
import tarfile

import collect
import pytest
import steps

GOOD = ("import json, sys; json.dump(dict(environment={}, rows=[dict(name='m', precision='p', "
        "batch=1, images_per_s=5.)]), open(sys.argv[1], 'w'))")
BAD = "import sys; print('what is wrong'); sys.exit(3)"
# Starts a process of its own, and neither ends by itself.
HANGS = ("import subprocess, sys, time; print('begun', flush=True); "
         "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
         "open(sys.argv[1] + '.pid', 'w').write(str(child.pid)); time.sleep(600)")


def step(name, code, most=60, least=0):
    return steps.Step(name, name.title(), most, least, (sys.executable, '-c', code, '{json}'))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs steps: exit status, results and the folder."""
    def call(*plan, out='out', work='work', **options):
        monkeypatch.setattr(steps, 'plan', lambda *args: list(plan))
        monkeypatch.setattr(steps, 'machine', lambda: dict(gpu='none'))
        argv = [str(tmp_path / out), '--work', str(tmp_path / work), '--device', 'cpu']
        for key, value in options.items():
            argv += [f'--{key}', *(value if isinstance(value, list) else [str(value)])]
        code = steps.main(argv)
        return code, json.loads((tmp_path / out / 'gpu.json').read_text()), tmp_path / out
    return call


def statuses(content):
    return {name: result['status'] for name, result in content['steps'].items()}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f'/proc/{pid}/stat') as file:  # a zombie is not
        return file.read().rpartition(')')[2].split()[0] != 'Z'


def test_no_step_costs_another(run, tmp_path):
    code, content, out = run(step('bad', BAD), step('hangs', HANGS, most=15), step('good', GOOD),
                             step('long', GOOD, least=10 ** 6))
    assert code == 1
    assert statuses(content) == dict(bad='failed', hangs='cut off', good='done')
    assert content['steps']['bad']['exit_status'] == 3
    assert content['planned'] == ['bad', 'hangs', 'good', 'long']
    text = (out / 'gpu.md').read_text()
    for part in 'what is wrong', 'for want of time: long', '| m | p | 1 | 5 |':
        assert part in text
    assert not alive(int((tmp_path / 'work/logs/hangs.json.pid').read_text()))
    with tarfile.open(out / 'logs.tar.gz') as tar:
        assert sorted(tar.getnames()) == ['bad.log', 'good.log', 'hangs.log']


def test_what_is_done_is_not_done_again_and_what_failed_comes_last(run, tmp_path, capsys):
    noted = "open(sys.argv[1] + '.order', 'a').write('x'); " + GOOD
    noted = 'import sys; ' + noted
    run(step('first', noted), step('second', BAD), step('third', noted), only=['first', 'second'])
    capsys.readouterr()
    code, content, _ = run(step('first', noted), step('second', noted), step('third', noted))
    assert code == 0 and set(statuses(content).values()) == {'done'}
    names = [line.split(':')[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ['third', 'second']
    assert (tmp_path / 'work/logs/first.json.order').read_text() == 'x'


def test_another_machine_goes_on_with_the_results_of_the_first(run, tmp_path):
    (tmp_path / 'work/reader').mkdir(parents=True)
    (tmp_path / 'work/reader/reader.pth').write_bytes(b'weights')
    _, before, out = run(step('first', GOOD), step('second', BAD))
    (out / 'gpu.json').write_text(json.dumps(dict(before, spent_s=500.)))
    code, content, other = run(step('first', BAD), step('second', GOOD), out='other',
                               work='elsewhere', previous=out)
    assert code == 0 and statuses(content) == dict(first='done', second='done')
    assert content['spent_s'] >= 500
    collect.join(other, tmp_path / 'joined')
    assert (tmp_path / 'joined').read_bytes() == b'weights'
    with tarfile.open(other / 'logs.tar.gz') as tar:
        assert sorted(tar.getnames()) == ['first.log', 'second.log']


def test_the_whole_budget_holds_for_all_calls(run):
    code, content, _ = run(step('first', GOOD), step('second', GOOD), only=['first'])
    code, content, _ = run(step('first', GOOD), step('second', GOOD),
                           budget=content['spent_s'] + steps.RESERVE)
    assert code == 1 and statuses(content) == dict(first='done')


@pytest.mark.parametrize('tiny', [False, True])
def test_every_step_names_tools_and_configs_that_are_there(tiny, tmp_path):
    plan = steps.plan('cuda', tiny, tmp_path)
    assert [s.name for s in plan][:3] == ['tests', 'reader', 'siga_r31']
    for each in plan:
        files = [part.rpartition('=')[2] for part in each.command
                 if part.endswith('.py') and '::' not in part]
        assert all((steps.ROOT / file).is_file() for file in files) and len(each.command) > 3
    assert sum(s.least for s in plan) < 720
    # Every file of tests that need CUDA, among them those of training steps.
    assert 'tests/models/recognizers/test_on_cuda.py' in steps.cuda_tests()
