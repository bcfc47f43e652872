from argparse import Namespace

import cv2
import numpy as np
import pytest
from mmocr.registry import DATASETS

from mmocr_siga.datasets.transforms import LoadWordImage
from tests.helpers.ending import ended
from tests.helpers.readers import word_picture
from tools.data import crop_words as tool


@pytest.fixture
def photos(tmp_path):
    """Two photographs with two words each, a third without and a file that is none."""
    folder = tmp_path / 'photos'
    (folder / 'more').mkdir(parents=True)
    for name in ('a.png', 'more/b.png', 'empty.png'):
        picture = np.full((120, 200, 3), 200, np.uint8)
        if name != 'empty.png':
            picture[10:50, 10:110] = cv2.resize(word_picture('Glyph'), (100, 40))
            picture[70:100, 100:190] = (0, 0, 255)
        cv2.imwrite(str(folder / name), picture)
    (folder / 'broken.png').write_bytes(b'nothing')
    return folder


def detect(picture):
    """The two words, a speck, and one that is not sure."""
    if (picture == 200).all():
        return [], []
    boxes = [(10, 10, 110, 50), (100, 70, 190, 100), (150, 10, 154, 14), (120, 10, 190, 50)]
    return [[x0, y0, x1, y0, x1, y1, x0, y1] for x0, y0, x1, y1 in boxes], [.9, .8, .9, .2]


def run(photos, out, **options):
    return tool.crop_words(Namespace(**{**dict(
        photos=[str(photos)], out=out, det=None, det_weights=None, det_score=.5, min_size=8,
        format='folder'), **options}), detect)


@pytest.mark.parametrize('form, dataset', [
    ('folder', dict(type='WordFolderDataset')),
    ('folder', dict(type='WordTSVDataset', ann_file='words.tsv')),
    ('lmdb', dict(type='WordLMDBDataset'))])
def test_words_become_data_without_labels(photos, tmp_path, capsys, form, dataset):
    out = tmp_path / 'words'
    counts = run(photos, out, format=form)
    assert (counts['words'], counts['photographs'], counts['unreadable photographs']) == (4, 3, 1)
    left_out = {what: count for what, count in counts.items() if what.startswith('words left')}
    assert sorted(left_out.values()) == [2, 2] and 'broken.png' in capsys.readouterr().err
    place = dict(data_root=str(out), **dataset) if 'ann_file' in dataset else dict(
        ann_file=str(out), **dataset)
    checked = DATASETS.build(dict(type='CheckedTextDataset', unlabeled=True,
                                  pipeline=[LoadWordImage()], dataset=place))
    assert len(checked) == 4
    colors = sorted(checked[i]['img'].reshape(-1, 3).mean(0).round().tolist()[0] for i in range(4))
    assert colors[0] == colors[1] < 40  # red, but for the margin
    assert not checked.skip_flags.any()


def test_nothing_is_written_over_and_nothing_left_behind(photos, tmp_path):
    out = tmp_path / 'words'
    run(photos, out)
    with pytest.raises(FileExistsError, match='holds files already'):
        run(photos, out)
    with pytest.raises(ValueError, match='no words were found'):
        run(photos / 'empty.png', tmp_path / 'none')
    assert not list((tmp_path / 'none').rglob('*.*'))
    assert ended(tool.main, [str(photos), str(tmp_path / 'other'), '--det', 'nowhere.py']) == 2
