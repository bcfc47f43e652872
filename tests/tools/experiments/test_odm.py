import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmocr.registry import DATASETS, MODELS

from mmocr_siga.rendering.plain import plain_face
from tools.experiments import odm as tool
from tools.experiments import train_glyph_unet


def run(monkeypatch, experiment, folder, *options):
    """The commands that an experiment runs, and its table."""
    commands = []

    def pretend(command, **_):
        commands.append(' '.join(command))
        options = dict(o.split('=', 1) for o in command if '=' in o)
        if '--json' in command:
            Path(command[command.index('--json') + 1]).write_text(json.dumps(dict(ink_iou=.5)))
        else:
            work = Path(command[command.index('--work-dir') + 1])
            logs = work / '1/vis_data'
            logs.mkdir(parents=True)
            steps = options['train_cfg.max_iters']
            (work / f'iter_{steps}.pth').touch()
            score = .4 if 'test' in options.get('val_dataloader.dataset.part', '') else .6
            (logs / 'scalars.json').write_text(
                '{"loss": 1}\n' + json.dumps({'icdar/hmean': score, 'e2e/hmean': .25}) + '\n')

    monkeypatch.setattr(subprocess, 'run', pretend)
    assert tool.main([experiment, '--work-dir', str(folder), '--seeds', '0', '1', *options]) == 0
    return commands, (folder / 'table.md').read_text()


def test_worth(monkeypatch, tmp_path):
    commands, table = run(monkeypatch, 'worth', tmp_path)
    # Two seeds of four arms, three of which learn before, tested both ways round.
    assert len(commands) == 2 * (3 + 4 * 2)
    assert table.count('| 0.500 ± 0.000 |') == 4
    last = [c for c in commands if 'dbnet_tiny_from_odm' in c]
    assert sum('warm_start.checkpoint=None' in c for c in last) == 4
    assert sum(str(tmp_path / 'odm_1/before/iter_2000.pth') in c for c in last) == 2
    assert sum('train_dataloader.dataset.part=test' in c for c in last) == 8
    # What is there is not run again.
    assert run(monkeypatch, 'worth', tmp_path)[0] == []


def test_spotters_go_on_from_the_detectors(monkeypatch, tmp_path):
    commands, table = run(monkeypatch, 'worth', tmp_path, '--arms', 'scratch', '--spotter',
                          'reader.pth', '--spotter-steps', '7')
    assert '| scratch | 2 | 0.500 ± 0.000 | 0.250 ± 0.000 |' in table
    spotters = [c for c in commands if 'spotter.py' in c]
    assert len(spotters) == 2 and all('train_cfg.max_iters=7' in c for c in spotters)
    config = Config.fromfile(tmp_path / 'scratch_1/spotter/spotter.py')
    start = config.default_hooks.warm_start
    assert start.checkpoint == str(tmp_path / 'scratch_1/tested_on_test/iter_800.pth')
    assert {*start.parts} == {'backbone.', 'neck.', 'det_head.'}
    assert config.model.rec_head.weights == str(Path('reader.pth').resolve())
    detector = Config.fromfile('configs/odm/dbnet_tiny_from_odm.py')
    for loader in 'train_dataloader', 'val_dataloader':  # as the detector was taught and tested
        mine, its = config[loader].dataset, detector[loader].dataset
        assert (mine.test_count, mine.part, mine.split_seed) == (
            its.test_count, its.part, its.split_seed)
    init_default_scope('mmocr')
    models = [MODELS.build(c.model) for c in (detector, Config(dict(
        config, model=dict(config.model, rec_head=dict(config.model.rec_head, weights=None)))))]
    its, mine = (m.state_dict() for m in models)
    for name, value in its.items():
        if name.split('.')[0] in ('backbone', 'neck', 'det_head'):
            assert mine[name].shape == value.shape


def test_obedience(monkeypatch, tmp_path):
    commands, table = run(monkeypatch, 'obedience', tmp_path, '--arms', 'none', 'reader')
    assert len(commands) == 8 and sum('loss_glyph=None' in c for c in commands) == 2
    assert '| reader | 2 | 0.500 ± 0.000 |' in table
    with pytest.raises(ValueError, match='scratch'):
        run(monkeypatch, 'obedience', tmp_path, '--arms', 'scratch')


def test_plain_scenes(monkeypatch, tmp_path):
    commands, _ = run(monkeypatch, 'obedience', tmp_path, '--plain', '--arms', 'none')
    assert len(commands) == 4 and all('odm_plain.py' in c for c in commands)
    config = Config.fromfile(tmp_path / 'odm_plain.py')
    init_default_scope('mmocr')
    assert not {t.type for t in config.train_dataloader.dataset.pipeline} & {'RandomSceneWindow'}
    scenes = DATASETS.build(config.train_dataloader.dataset)
    asked = set()
    for i in range(20):
        packed = scenes[i]
        sample, image = packed['data_samples'], packed['inputs']
        words = sample.gt_instances.texts
        assert len(words) == 2 and {*words, *sample.prompt.texts} <= {*tool.WORDS}
        decoys = {t for t, d in zip(sample.prompt.texts, sample.prompt.decoys) if d}
        assert not decoys & {*words}
        asked |= {(len(sample.prompt.texts) - len(decoys), len(decoys))}
        # Dark where the label has ink: on all of both words if both are asked for.
        ink = sample.gt_plain.ink[0] > 200
        paper = image[:, 0, 0]
        assert (image[:, ink] < paper[:, None]).all()
        assert image.shape == (3, 64, 96)
        if len(sample.prompt.texts) - len(decoys) == 2:
            assert (image.float().mean(0) < 130)[~(sample.gt_plain.ink[0] > 60)].sum() == 0
    assert asked == {(2, 0), (2, 1), (1, 0), (1, 1)}


def test_the_table_has_means_and_standard_errors():
    table = tool.table([('a', 0, dict(x=.1)), ('a', 1, dict(x=.3)), ('b', 0, dict(x=.7))])
    assert '| a | 2 | 0.200 ± 0.100 |' in table and '| b | 1 | 0.700 |' in table


def test_what_the_glyph_unet_learns():
    source = train_glyph_unet.words(0)
    picture, wanted = next(source)
    # Bilinear weights may add up to a rounding more than 1.
    assert picture.shape == (3, 64, 256) and picture.abs().max() <= 1 + 1e-6
    assert picture.min() < picture.max()
    assert wanted.shape == (2, 64, 256) and 0 <= wanted.min() < wanted.max() <= 1
    target = train_glyph_unet.target('I I', plain_face())
    columns = target[0].max(0).values > .5
    # Two bars fill the ends of the box, the middles of the characters are theirs.
    assert columns[0] and columns[-1] and not columns[128]
    peaks = target[1].max(0).values
    found = np.flatnonzero((peaks[1:-1] >= peaks[:-2]) & (peaks[1:-1] > peaks[2:])) + 1
    assert len(found) == 2
    width = int(columns[:128].sum())
    np.testing.assert_allclose(found + .5, [width / 2, 256 - width / 2], atol=2)
    assert torch.isfinite(target).all()
