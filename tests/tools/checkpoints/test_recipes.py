"""The scripts behind the packaged models, with an interpreter that only notes what it is told."""
import json
import os
import shlex
import stat
import subprocess

import pytest
from mmengine.config import Config

from mmocr_siga.rendering import RECIPES
from tests.conftest import REPO
from tools.checkpoints import pack_weights
from tools.data import crop_scene_words, synthesize

PYTHON = '''#!/usr/bin/env bash
[ "$1" = -c ] && echo /train.py && exit
printf '%q ' "$@" >> "$LOG"; echo >> "$LOG"
'''


@pytest.fixture
def run(tmp_path):
    """Runs a script: the commands of the interpreter, as lists."""
    python, log = tmp_path / 'python', tmp_path / 'log'
    python.write_text(PYTHON)
    python.chmod(python.stat().st_mode | stat.S_IEXEC)
    for folder in ('data/real/svt_train/images', 'data/real/ic15_scenes/images'):
        (tmp_path / folder).mkdir(parents=True)

    def call(name, **changes):
        env = dict(os.environ, PYTHON=str(python), LOG=str(log), WORK=str(tmp_path / 'work'),
                   SIGA_DATA=str(tmp_path / 'data'), LEXICON='words.txt', BACKGROUNDS='photographs')
        env.update(changes)
        log.write_text('')
        done = subprocess.run(['bash', str(REPO / 'tools' / 'checkpoints' / name)], env=env,
                              capture_output=True, text=True, check=False, cwd=tmp_path)
        return done, [shlex.split(line) for line in log.read_text().splitlines()]

    return call


@pytest.mark.parametrize('name, config, packed', [
    ('train_tiny.sh', 'siga_tiny_release_2', ['siga_tiny_words']),
    ('train_lcnet.sh', 'siga_lcnet_v4_release_2', ['siga_lcnet_words', 'dbnet_words'])])
def test_every_command_is_one(run, tmp_path, name, config, packed, monkeypatch):
    monkeypatch.chdir(REPO)
    done, commands = run(name)
    assert done.returncode == 0, done.stderr
    work = tmp_path / 'work'
    rendered, cropped = {}, {}
    for tool, *options in commands:
        if tool.endswith('synthesize.py'):
            args = synthesize.parse_args(options)
            assert args.preset in RECIPES and args.format == 'lmdb'
            synthesize.split_sizes(args.count, synthesize.parse_split(args.split))
            rendered[str(args.out)] = args
        if tool.endswith('crop_scene_words.py'):
            args = crop_scene_words.parse_args(options)
            cropped[args.out.name] = args.set_aside
    # What the last training takes is there.
    monkeypatch.setenv('SIGA_DATA', str(work / 'data'))
    cfg = Config.fromfile(REPO / 'configs' / f'{config}.py')
    sets = cfg.train_dataloader.dataset.dataset.datasets
    wanted = [d.ann_file for d in sets if d.type == 'WordLMDBDataset']
    assert wanted and {os.path.dirname(path) for path in wanted} <= set(rendered)
    wanted = [d.data_root for d in sets if d.type == 'WordTSVDataset']
    assert {str(work / 'data' / 'release' / name) for name in cropped} <= set(wanted)
    scenes = Config.fromfile(REPO / 'configs' / '_base_' / 'datasets' / 'scenes.py')
    assert cropped == ({} if name == 'train_tiny.sh' else dict(
        ic15_scenes=scenes.ic15_scenes_train.test_count,
        ic15_scenes_more=scenes.ic15_more_train.test_count))
    assert scenes.ic15_scenes_train.split_seed == 0
    assert (work / 'data' / 'real').resolve() == tmp_path / 'data' / 'real'
    # Every stage runs to the end of its config, and what it leaves is packed with its card.
    stages = [options for tool, *options in commands if tool == '/train.py']
    for path, *options in stages:
        steps = Config.fromfile(REPO / path).train_cfg.max_iters
        folder = options[options.index('--work-dir') + 1]
        assert f'$WORK/{path[8:-3]}'.replace('$WORK', str(work)) == folder
        last = f'{folder}/iter_{steps}.pth'
        later = [word for command in commands for word in command if last in word]
        assert later, f'nothing takes {last}'
    cards = []
    for tool, *options in commands:
        if tool.endswith('pack_weights.py'):
            monkeypatch.setattr(pack_weights.Path, 'is_file', lambda self: True)
            args = pack_weights.parse_args(options)
            cards.append(args.name)
            card = json.loads(args.card.read_text(encoding='utf-8'))
            assert card['recipe'] == f'tools/checkpoints/{name}' and card['licence']
    assert cards == packed


def test_goes_on_where_it_was(run, tmp_path):
    work = tmp_path / 'work'
    (work / 'siga_lcnet_v4_release').mkdir(parents=True)
    (work / 'siga_lcnet_v4_release' / 'iter_2000.pth').touch()
    (work / 'siga_lcnet_v4_release_2').mkdir()
    (work / 'siga_lcnet_v4_release_2' / 'iter_1600.pth').touch()
    (work / 'textdet' / 'dbnet_lcnetv4').mkdir(parents=True)
    (work / 'textdet' / 'dbnet_lcnetv4' / 'last_checkpoint').touch()
    stages = [command for command in run('train_lcnet.sh')[1] if command[0] == '/train.py']
    assert [command[1] for command in stages] == ['configs/textdet/dbnet_lcnetv4.py']
    assert '--resume' in stages[0]


def test_what_is_missing_is_named(run):
    done, commands = run('train_lcnet.sh', LEXICON='')
    assert done.returncode != 0 and not commands
    assert 'LEXICON: set it to a list of words' in done.stderr
