"""The data configs, with MMOCR's own and with real words where these are at hand."""
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmocr.apis import TextRecInferencer
from mmocr.registry import DATASETS, EVALUATOR

from tests.conftest import REPO
from tests.helpers.readers import word_picture

CONFIGS = REPO / 'configs'


@pytest.fixture(scope='module')
def pipelines():
    return Config.fromfile(str(CONFIGS / '_base_/pipelines/siga_32x128.py'))


@pytest.fixture
def word(tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), word_picture('Word', (40, 100)))
    return str(tmp_path / 'a.png')


def test_the_training_pipeline(pipelines, word):
    pipeline = Compose(pipelines.train_pipeline)
    for seed in range(20):
        np.random.seed(seed)
        packed = pipeline(dict(img_path=word, instances=[dict(text='Word')]))
        sample = packed['data_samples']
        assert packed['inputs'].shape == (3, 32, 128) and packed['inputs'].dtype == torch.uint8
        assert sample.gt_text_mask.data.shape == (1, 32, 128)
        assert 0.02 < sample.gt_text_mask.data.float().mean() < 0.5
        assert sample.gt_text.item == 'Word'
        assert sample.ori_shape == (40, 100) and sample.img_shape == (32, 128)
        assert sample.valid_ratio == 1


@pytest.mark.parametrize('shape', [(1, 1), (40, 1, 3), (1, 90, 3), (20, 30, 4), (7, 5)])
def test_odd_images_pass_both_pipelines(pipelines, tmp_path, shape):
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    for pipeline in (pipelines.train_pipeline, pipelines.test_pipeline):
        for seed in range(5):
            np.random.seed(seed)
            packed = Compose(pipeline)(dict(img_path=path, instances=[dict(text='a')]))
            assert packed['inputs'].shape == (3, 32, 128)


def test_the_inferencer_takes_files_and_arrays_of_every_kind(pipelines, word, tmp_path):
    config = Config(dict(test_dataloader=dict(dataset=dict(pipeline=pipelines.test_pipeline))))
    # Only the pipeline: an inferencer itself needs a model.
    pipeline = TextRecInferencer._init_pipeline(object.__new__(TextRecInferencer), config)
    (tmp_path / 'empty.png').write_bytes(b'')
    rng = np.random.default_rng(0)
    for image in (word, *(rng.integers(0, 256, (9, 20, *channels), np.uint8)
                          for channels in ((), (1, ), (4, ))),
                  rng.integers(0, 65536, (9, 20), np.uint16), rng.random((9, 20, 3))):
        packed = pipeline(image)
        assert packed['inputs'].shape == (3, 32, 128) and packed['inputs'].dtype == torch.uint8
    for name in ('empty.png', 'gone.png'):
        with pytest.raises(OSError, match=name):
            pipeline(str(tmp_path / name))
    with pytest.raises(ValueError, match='no pixels'):
        pipeline(np.zeros((0, 5, 3), np.uint8))


def test_real_words_where_the_environment_says(monkeypatch):
    path = CONFIGS / '_base_/datasets/real_words.py'
    monkeypatch.setenv('SIGA_DATA', '/some/where')
    config = Config.fromfile(path)
    assert [d.data_root for d in config.real_words_train_list] == [
        f'/some/where/real/{name}'
        for name in ('iiit5k_train', 'svt_train', 'ic15_train', 'ic03_train')
    ]
    # Validation words are never trained on.
    assert {d.ann_file for d in config.real_words_train_list} == {'train.tsv'}
    assert {d.ann_file for d in config.real_words_val_list} == {'val.tsv'}
    assert all(d.test_mode for d in config.real_words_val_list)
    monkeypatch.delenv('SIGA_DATA')
    assert Config.fromfile(path).real_words_val_list[4].data_root == 'data/real/plates'


def test_real_words(siga_data, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', str(siga_data))
    config = Config.fromfile(CONFIGS / 'siga_tiny.py')
    train = DATASETS.build(config.train_dataloader.dataset)
    # Eleven labels of the 7,601 are symbols only.
    assert [r.total for r in train.reports] == [1880, 217, 4388, 1116]
    assert [r.kept for r in train.reports] == [1880, 217, 4387, 1106]
    assert train[2097]['data_samples'].ori_text == 'Genaxis Theatre'
    val = DATASETS.build(config.test_dataloader.dataset)
    assert len(val) == 300 and val[299]['inputs'].shape == (3, 32, 128)
    evaluator = EVALUATOR.build(config.real_words_val_evaluator)
    assert len(evaluator.dataset_prefixes) == len(val.metainfo['cumulative_sizes'])
