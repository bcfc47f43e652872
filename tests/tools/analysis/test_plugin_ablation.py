"""tools/analysis/plugin_ablation.py: its parts, and one run of two steps."""
import json

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.helpers.word_sets import write_boxed_sets
from tools.analysis import plugin_ablation as tool


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    return write_boxed_sets(tmp_path, ('svt_train', 'ic15_train', 'plates'))


def test_variants_keep_what_they_name():
    for path in tool.CONFIGS:
        for variant, kept in tool.VARIANTS.items():
            cfg = tool.variant_config(path, variant)
            assert set(cfg.model.plugins) == set(kept)
            for name, changes in kept.items():
                for key, value in changes.items():
                    assert cfg.model.plugins[name][key] == value
            for plugin in cfg.model.plugins.values():  # said outright: defaults change
                assert plugin.loss_weight == (0.1 if 'light' in variant else 1)
    with pytest.raises(ValueError, match="no plug-in 'sec'"):
        tool.variant_config(REPO / 'configs/plugins/sar_tiny.py', 'both')


def test_all_variants_start_from_the_same_weights():
    weights = []
    for variant in ('base', 'both', 'glyph_features'):
        torch.manual_seed(5)
        model = MODELS.build(tool.variant_config(tool.CONFIGS[0], variant).model)
        model.init_weights()
        weights.append(model.state_dict())
    for key, value in weights[0].items():
        assert torch.equal(value, weights[1][key]) and torch.equal(value, weights[2][key]), key


def result(variant, seed, accuracy, share):
    attention = {s: dict(share=share, drift=0.25) for s in ('val', 'train')}
    return dict(config='x', variant=variant, seed=seed, accuracy=accuracy, ned=0.5, seconds=90,
                attention=attention)


def test_the_table_has_means_and_spreads():
    table = tool.summarize([
        result('base', 0, 0.2, 0.5), result('base', 1, 0.3, 0.7), result('both', 0, 0.25, None),
        result('both', 1, 0.45, None), dict(result('moved', 1, 0.1, 0), attention=None)])
    lines = table.splitlines()
    assert lines[4] == ('| base | 0 1 | 25.0 ± 7.1 |  | 50.0 ± 0.0 | 60.0 ± 14.1 | 25.0 ± 0.0 '
                        '| 60.0 ± 14.1 | 25.0 ± 0.0 | 1.5 |')
    assert lines[5].startswith('| both | 0 1 | 35.0 ± 14.1 | +10.0 ± 7.1 | 50.0 ± 0.0 | - | 25')
    assert lines[6].startswith('| moved | 1 | 10.0 ± 0.0 | -20.0 ± 0.0 | 50.0 ± 0.0 | - | - | -')


def test_attention_of_letters_among_other_characters(data, monkeypatch):
    """The step of a character that has no box is passed over."""
    cfg = tool.variant_config(tool.CONFIGS[1], 'base')
    # A dictionary with the apostrophe gives it a step.
    cfg.model.decoder.dictionary.dict_file = 'english_digits_symbols_94.txt'
    model = MODELS.build(cfg.model).eval()
    listed = tool.boxed_words(data, 'val', None)[:1]
    maps = torch.full((1, 27, 1, 4), 1e-6)
    for step, cell in enumerate((0, 1, 2, 3)):  # A, b, ', c
        maps[0, step, 0, cell] = 1
    monkeypatch.setattr(tool, 'teacher_forced_attention', lambda *args: maps)
    (share, drift), = tool.measure_batch(model, tool.Compose(cfg.test_pipeline), listed)
    # Boxes of 15 of 60 x 20 pixels begin a pixel too far left and high: they count from 1. The
    # second covers half of the height.
    np.testing.assert_allclose(share, np.multiply([19 / 20, 1 / 2, 19 / 20], 14 / 15), atol=1e-4)
    assert not drift.any()


def test_two_steps_from_end_to_end(data, tmp_path, capsys, monkeypatch):
    # Formatting the config for the log would take most of the time.
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: repr(self.to_dict())))
    work = tmp_path / 'work'
    argv = ['--configs', str(tool.CONFIGS[1]), '--variants', 'base', 'both', '--seeds', '0',
            '--steps', '2', '--batch-size', '2', '--workers', '0', '--work-dir', str(work)]
    args = tool.parse_args(argv)
    for path, variant, seed, folder in tool.planned(args):
        folder.mkdir(parents=True)
        tool.run(path, variant, seed, folder, args)  # a new process takes seconds to start
    found = json.loads((work / 'nrtr_tiny_plugged/both/seed0/result.json').read_text())
    assert 0 <= found['accuracy'] <= 1 and found['settings']['steps'] == 2
    assert found['attention']['val']['words'] == 3
    assert found['attention']['val']['characters'] == 8
    assert 0 < found['attention']['train']['share'] < 1
    # Nothing is left to do: the table is made of what is there.
    assert tool.main(argv) == 0
    assert '| both | 0 |' in capsys.readouterr().out
    with pytest.raises(ValueError, match='other settings'):
        tool.main([*argv, '--lr', '1'])
