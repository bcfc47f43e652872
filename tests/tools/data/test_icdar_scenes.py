import json

import cv2
import numpy as np
import pytest
from mmocr.datasets import OCRDataset

from tests.helpers.ending import ended
from tools.data import icdar_scenes


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'gts').mkdir()
    for k in range(5):
        cv2.imwrite(str(tmp_path / f'images/{k}.png'), np.zeros((30, 40, 3), np.uint8))
        (tmp_path / f'gts/gt_{k}.txt').write_text('1,1,20,1,20,9,1,9,word\n')
    return tmp_path


def convert(root, *options, out='all.json'):
    return ended(icdar_scenes.main, [str(root / 'images'), str(root / 'gts'), str(root / out),
                                     *options])


def test_one_file(root, capsys):
    assert convert(root, out='json/all.json') == 0
    dataset = OCRDataset(ann_file='all.json', data_root=str(root / 'json'), pipeline=[])
    assert len(dataset) == 5
    info = dataset.get_data_info(4)
    assert cv2.imread(info['img_path']).shape == (30, 40, 3)
    assert [word['text'] for word in info['instances']] == ['word']
    assert '5 scenes, 5 words, 0 ignored regions' in capsys.readouterr().out
    assert not (root / 'json/all.json.problems.txt').exists()


def test_two_files_and_a_list_of_problems(root, capsys):
    (root / 'gts/gt_0.txt').write_text('nonsense\n0,0,9,9,9,0,0,9,cross\n')
    assert convert(root, '--test', str(root / 'test.json'), '--test-count', '2', '--seed', '0') == 0
    names = [[scene['img_path'] for scene in json.loads((root / file).read_text())['data_list']]
             for file in ('all.json', 'test.json')]
    assert [len(each) for each in names] == [3, 2]
    assert sorted(sum(names, [])) == [f'images/{k}.png' for k in range(5)]
    listed = (root / 'all.json.problems.txt').read_text().splitlines()
    assert listed[0].startswith('left out\t') and 'gt_0.txt:1: expected' in listed[0]
    assert listed[1].startswith('ignored\t') and 'gt_0.txt:2: the polygon crosses' in listed[1]
    assert 'all.json.problems.txt' in capsys.readouterr().out


def test_errors(root, capsys):
    (root / 'all.json').write_text('')
    assert convert(root) == 2
    assert 'exists' in capsys.readouterr().err
    assert convert(root, '--test', str(root / 't.json'), '--test-count', '5', out='d.json') == 2
    assert 'cannot set 5 of 5 scenes aside' in capsys.readouterr().err
    assert convert(root, '--test', 'x') == 2
