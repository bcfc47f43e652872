import cv2
import numpy as np
import pytest
from mmocr.registry import DATASETS

from mmocr_siga.datasets import WordFolderDataset
from mmocr_siga.datasets.transforms import LoadWordImage


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'words' / 'more').mkdir(parents=True)
    for name in ('b.png', 'a.jpg', 'more/c.bmp'):
        cv2.imwrite(str(tmp_path / 'words' / name), np.full((8, 20, 3), 9, np.uint8))
    (tmp_path / 'words' / 'labels.tsv').write_text('a.jpg\tx\n')
    return tmp_path


@pytest.mark.parametrize('options', [
    lambda root: dict(ann_file=str(root / 'words')),
    lambda root: dict(data_root=str(root), ann_file='words'),
    lambda root: dict(data_root=str(root / 'words'))])
def test_all_pictures_by_their_names(folder, options):
    dataset = WordFolderDataset(**options(folder), pipeline=[LoadWordImage()])
    found = [dataset[i]['img_path'] for i in range(len(dataset))]
    assert found == [str(folder / 'words' / name) for name in ('a.jpg', 'b.png', 'more/c.bmp')]
    assert dataset.get_data_info(0)['instances'] == []


def test_checked_it_passes_over_what_cannot_be_read(folder):
    (folder / 'words' / 'b.png').write_bytes(b'no picture')
    checked = DATASETS.build(dict(
        type='CheckedTextDataset', unlabeled=True, pipeline=[LoadWordImage()],
        dataset=dict(type='WordFolderDataset', ann_file=str(folder / 'words'))))
    np.random.seed(0)
    assert [checked[i]['img'].shape for i in range(3)] == [(8, 20, 3)] * 3
    assert checked.skip_flags.bool().tolist() == [False, True, False]


def test_no_folder_and_no_pictures(tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder of words at .*nowhere'):
        WordFolderDataset(ann_file=str(tmp_path / 'nowhere'))
    with pytest.raises(ValueError, match='holds no pictures'):
        WordFolderDataset(ann_file=str(tmp_path))
