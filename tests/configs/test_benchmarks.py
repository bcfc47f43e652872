"""The configs of the benchmark sets, in both forms."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmocr.registry import DATASETS, EVALUATOR

from tests.conftest import REPO
from tests.helpers.word_sets import write_json, write_lmdb

CONFIGS = REPO / 'configs'
BENCHMARKS = CONFIGS / '_base_' / 'datasets' / 'benchmarks.py'
TEST_SETS = ['IIIT5K', 'SVT', 'IC13_857', 'IC13_1015', 'IC15_1811', 'IC15_2077', 'SVTP', 'CUTE80',
             'MPSC', 'ArbitText']
COMMON = ['CUTE80', 'IIIT5K', 'SVT', 'SVTP', 'IC13_857', 'IC15_1811']


def load(monkeypatch, path=BENCHMARKS, **env):
    for name in ('SIGA_DATA', 'SIGA_BENCHMARK_FORM', 'SIGA_MISSING'):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, str(value))
    return Config.fromfile(path)


def write_all(cfg):
    """Make every set that a config names, one word each, and return its labels."""
    sets = {**cfg.all_test_sets, **cfg.synthetic_train_sets, **cfg.union14m_train_sets}
    for name, config in sets.items():
        path = Path(config.data_root) / config.ann_file
        if config.type == 'WordLMDBDataset':
            write_lmdb(path, [name])
        else:
            write_json(path, [name])
    return sets


@pytest.mark.parametrize('form, kind', [('json', 'WordJSONDataset'), ('lmdb', 'WordLMDBDataset')])
def test_every_set_in_both_forms(form, kind, monkeypatch, tmp_path):
    cfg = load(monkeypatch, SIGA_DATA=tmp_path, SIGA_BENCHMARK_FORM=form)
    sets = write_all(cfg)
    for group in (cfg.benchmark_test, cfg.benchmark_train, cfg.union14m_train):
        for config in (*sets.values(), *group.datasets.values()):
            # Serializing collects all garbage of the process, each time.
            config.serialize_data = False
    assert list(cfg.all_test_sets) == TEST_SETS
    assert all(config.type == kind for config in sets.values())
    paths = {Path(c.data_root) / c.ann_file for c in sets.values()}
    assert len(paths) == len(sets) and all(tmp_path in path.parents for path in paths)
    assert [n for n, c in sets.items() if c.get('test_mode')] == TEST_SETS
    for name, config in sets.items():
        assert DATASETS.build(config).get_data_info(0)['instances'][0]['text'] == name
    assert list(cfg.benchmark_test_sets) == COMMON
    test = DATASETS.build(cfg.benchmark_test)
    assert test.metainfo['dataset_names'] == COMMON == cfg.benchmark_evaluator.dataset_prefixes
    assert [test.get_data_info(i)['instances'][0]['text'] for i in range(6)] == COMMON
    assert len(DATASETS.build(cfg.benchmark_train)) == len(cfg.synthetic_train_sets)
    assert len(DATASETS.build(cfg.union14m_train)) == 5
    EVALUATOR.build(cfg.benchmark_evaluator)


def test_mmocrs_folders_and_the_fields(monkeypatch):
    def path(config):
        return f'{config.data_root}/{config.ann_file}'
    cfg = load(monkeypatch)
    assert path(cfg.all_test_sets.IC13_857) == 'data/icdar2013/textrecog_test_857.json'
    assert path(cfg.all_test_sets.IC15_2077) == 'data/icdar2015/textrecog_test.json'
    assert path(cfg.synthetic_train_sets.MJSynth) == 'data/mjsynth/textrecog_train.json'
    # The same as MMOCR's own configs, where it has them.
    theirs = Config.fromstring('_base_ = ' + repr(
        [f'mmocr::textrecog/_base_/datasets/{name}.py'
         for name in ('iiit5k', 'svt', 'svtp', 'cute80', 'icdar2015', 'synthtext')]), '.py')
    for name, their in (('IIIT5K', 'iiit5k_textrecog_test'), ('SVT', 'svt_textrecog_test'),
                        ('SVTP', 'svtp_textrecog_test'), ('CUTE80', 'cute80_textrecog_test'),
                        ('IC15_1811', 'icdar2015_1811_textrecog_test'),
                        ('IC15_2077', 'icdar2015_textrecog_test')):
        assert path(cfg.all_test_sets[name]) == path(theirs[their]), name
    assert path(cfg.synthetic_train_sets.SynthText) == path(theirs.synthtext_textrecog_train)
    cfg = load(monkeypatch, SIGA_BENCHMARK_FORM='lmdb', SIGA_DATA='/x')
    assert path(cfg.all_test_sets.IIIT5K) == '/x/evaluation/IIIT5k_3000'
    assert path(cfg.synthetic_train_sets.MJSynth_train) == '/x/training/MJ/MJ_train'


def test_missing_sets(monkeypatch, tmp_path):
    cfg = load(monkeypatch, SIGA_DATA=tmp_path)
    write_json(tmp_path / 'svt' / 'textrecog_test.json', ['a', 'b'])
    with pytest.raises(FileNotFoundError, match='5 of 6 data sets are missing'):
        DATASETS.build(cfg.benchmark_test)
    cfg = load(monkeypatch, SIGA_DATA=tmp_path, SIGA_MISSING='skip')
    assert DATASETS.build(cfg.benchmark_test).metainfo['dataset_names'] == ['SVT']
    with pytest.raises(FileNotFoundError, match='no data set is there'):
        DATASETS.build(cfg.benchmark_train)
    with pytest.raises(KeyError, match='hdf5'):
        load(monkeypatch, SIGA_BENCHMARK_FORM='hdf5')


def test_configs_take_the_switches(monkeypatch, tmp_path):
    cfg = load(monkeypatch, CONFIGS / 'siga_r31.py', SIGA_DATA=tmp_path,
               SIGA_BENCHMARK_FORM='lmdb', SIGA_MISSING='skip')
    train, test = cfg.train_dataloader.dataset.dataset, cfg.test_dataloader.dataset
    assert train.missing == test.missing == 'skip'
    assert list(train.datasets)[-1] == 'SynthText' and list(test.datasets) == COMMON
    assert test.pipeline == cfg.test_pipeline
    write_lmdb(tmp_path / 'evaluation' / 'SVT', ['a'])
    assert DATASETS.build(test)[0]['inputs'].shape == (3, 32, 128)
    cfg = load(monkeypatch, CONFIGS / 'siga_tiny.py', SIGA_MISSING='skip')
    assert cfg.val_dataloader.dataset.missing == 'skip'
    assert cfg.train_dataloader.dataset.dataset.missing == 'skip'
    assert list(cfg.val_dataloader.dataset.datasets) == cfg.val_evaluator.dataset_prefixes
