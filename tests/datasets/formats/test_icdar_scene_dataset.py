from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmocr.registry import DATASETS
from PIL import Image

from mmocr_siga.datasets import ICDARSceneDataset

CONFIG = Path(__file__).resolve().parents[3] / 'configs/_base_/datasets/scenes.py'
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadOCRAnnotations', with_bbox=True, with_polygon=True, with_label=True,
         with_text=True),
    dict(type='PackTextDetInputs', meta_keys=('img_path', )),
]


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'gts').mkdir()
    for k in range(6):
        Image.fromarray(np.full((30, 40, 3), k, np.uint8)).save(tmp_path / f'images/{k}.png')
        (tmp_path / f'gts/gt_{k}.txt').write_text(
            '1,1,20,1,20,9,1,9,word\n1,11,20,11,20,19,1,19,###\n' if k else '')
    return tmp_path


def test_samples(root):
    dataset = DATASETS.build(dict(type='ICDARSceneDataset', data_root=str(root),
                                  pipeline=PIPELINE))
    assert len(dataset) == 6 and dataset.report.words == 5
    truth = dataset[1]['data_samples'].gt_instances
    assert truth.texts == ['word', '###'] and truth.ignored.tolist() == [False, True]
    assert [each.tolist() for each in truth.polygons] == [
        [1, 1, 20, 1, 20, 9, 1, 9], [1, 11, 20, 11, 20, 19, 1, 19]]
    assert truth.bboxes.tolist() == [[1, 1, 20, 9], [1, 11, 20, 19]]
    # A scene without words stays.
    assert len(dataset[0]['data_samples'].gt_instances.polygons) == 0
    assert dataset[0]['data_samples'].gt_instances.bboxes.shape == (0, 4)


def test_parts(root):

    def names(**options):
        dataset = ICDARSceneDataset(data_root=str(root), **options)
        return [Path(dataset.get_data_info(k)['img_path']).stem for k in range(len(dataset))]

    train, test = (names(part=part, test_count=2) for part in ('train', 'test'))
    assert len(train) == 4 and sorted(train + test) == list('012345')
    assert names(part='test', test_count=2, split_seed=None) == ['4', '5']
    assert names(indices=[1, 3]) == ['1', '3'] and names(indices=2) == ['0', '1']


@pytest.mark.parametrize('options, words', [
    (dict(part='val'), 'part must be one of'),
    (dict(part='test', test_count=6), 'cannot set 6 of 6'),
    (dict(form='x'), 'format must be one of'),
])
def test_wrong_arguments(root, options, words):
    with pytest.raises(ValueError, match=words):
        ICDARSceneDataset(data_root=str(root), **options)


def test_config_of_the_real_scenes(siga_data, monkeypatch):
    if not (siga_data / 'real/ic15_scenes').is_dir():
        pytest.skip(f'no ic15_scenes at {siga_data}/real')
    monkeypatch.setenv('SIGA_DATA', str(siga_data))
    cfg = Config.fromfile(CONFIG)
    train, test = (DATASETS.build(cfg[f'ic15_scenes_{part}']) for part in ('train', 'test'))
    assert (len(train), len(test)) == (50, 10)
    assert train.report.problems == [] and train.report.words + train.report.ignored == 634
    paths = {each.get_data_info(k)['img_path'] for each in (train, test) for k in range(len(each))}
    assert len(paths) == 60
