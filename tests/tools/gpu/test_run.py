"""tools/gpu/run.sh on a CPU, in short: a step, from the archive to the report."""
import json
import os
import subprocess
import sys

import pack
import pytest

from tests.conftest import REPO
from tests.helpers.word_sets import write_boxed_sets


def test_a_rehearsal(tmp_path, monkeypatch):
    monkeypatch.setattr(pack, 'FONTS_MIB', 0.2)
    monkeypatch.setattr(pack, 'add_teacher', lambda pack: False)
    for name in 'words.txt', 'photographs':
        (tmp_path / name).mkdir() if '.' not in name else (tmp_path / name).write_text('one\n')
    data = write_boxed_sets(tmp_path / 'data', ['svt_train'])
    assert pack.main([str(tmp_path), '--data', str(data), '--lexicon', str(tmp_path / 'words.txt'),
                      '--backgrounds', str(tmp_path / 'photographs')]) == 0
    env = dict(os.environ, OUT=str(tmp_path / 'out'), WORK=str(tmp_path / 'work'),
               PACK=str(tmp_path), PYTHON=sys.executable, BUDGET='900', CALL='900')
    for name in 'SIGA_DATA', 'LEXICON', 'BACKGROUNDS':  # the archive has all of them
        env.pop(name, None)
    command = ['bash', str(REPO / 'tools/gpu/run.sh'), '--device', 'cpu', '--tiny', '--only',
               'waits']
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / 'out/gpu.json').read_text())
    assert found['steps']['waits']['data'] == [
        'siga_tiny, amp-bf16: no step waits for the device']
    text = (tmp_path / 'out/gpu.md').read_text()
    assert 'A rehearsal on cpu' in text and 'for want of time: tests, reader, siga_r31' in text
    assert (tmp_path / 'work/pack/real/svt_train/val.tsv').is_file()
    # Done already: nothing but the results is written again.
    begun = found['steps']['waits']
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and 'waits' not in done.stdout
    assert json.loads((tmp_path / 'out/gpu.json').read_text())['steps']['waits'] == begun


def test_the_folder_of_results_must_be_named():
    env = {name: value for name, value in os.environ.items() if name != 'OUT'}
    done = subprocess.run(['bash', str(REPO / 'tools/gpu/run.sh')], env=env, capture_output=True,
                          text=True, check=False)
    assert done.returncode and 'set it to the folder for the results' in done.stderr


@pytest.mark.parametrize('count', [None, '8'])
def test_the_rendered_words_are_those_of_the_recipe(tmp_path, count):
    """With an interpreter that only notes what it is told."""
    python = tmp_path / 'python'
    python.write_text('#!/usr/bin/env bash\n[ "$1" = -c ] || echo "$*" >> "$LOG"\n')
    python.chmod(0o755)
    (tmp_path / 'data/real').mkdir(parents=True)
    env = dict(os.environ, PYTHON=str(python), LOG=str(tmp_path / 'log'), FONTS='one two',
               WORK=str(tmp_path / 'work'), SIGA_DATA=str(tmp_path / 'data'), LEXICON='words.txt',
               BACKGROUNDS='photographs', **({} if count is None else dict(COUNT=count)))
    subprocess.run(['bash', str(REPO / 'tools/gpu/words.sh')], env=env, check=True)
    lines = (tmp_path / 'log').read_text().splitlines()
    sets = [line.split()[1].rpartition('release/')[2] for line in lines]
    assert sets == ['contextless', 'plates', 'serial', 'incidental', 'words']
    assert all('--fonts one two' in line for line in lines)
    assert all(line.endswith('--count 8') == (count is not None) for line in lines)
    assert (tmp_path / 'work/data/real').resolve() == tmp_path / 'data/real'
