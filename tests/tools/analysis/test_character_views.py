import cv2
import numpy as np
import pytest
import torch
from character_views import Views, colored, found_again, main
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.helpers.distillers import packed
from tests.helpers.readers import word_picture

CONFIG = REPO / 'configs' / 'ccd' / 'ccd_siga_tiny.py'


def test_a_sheet_with_similarities(tmp_path, capsys):
    from mmengine.config import Config
    for text in ('Glyph', '12'):
        cv2.imwrite(str(tmp_path / f'{text}.png'), word_picture(text))
    (tmp_path / 'bad.png').write_bytes(b'')
    torch.save(dict(state_dict=MODELS.build(Config.fromfile(CONFIG).model).state_dict()),
               tmp_path / 'ccd.pth')
    words = [str(tmp_path / f'{name}.png') for name in ('Glyph', '12', 'bad')]
    main([str(CONFIG), *words, '--out', str(tmp_path / 'a.png')])
    main([str(CONFIG), *words, '--out', str(tmp_path / 'b.png'), '--weights',
          str(tmp_path / 'ccd.pth')])
    plain, similar = (cv2.imread(str(tmp_path / name)) for name in ('a.png', 'b.png'))
    assert similar.shape[0] > plain.shape[0] and similar.shape[1] == plain.shape[1]
    said = capsys.readouterr().out
    assert said.count('skipped') == 2 and 'nearest to themselves' in said


def test_colors_match_in_both_views():
    labels = np.array([[0, 1, 2], [3, 0, 3]], np.uint8)
    image = np.zeros((2, 3, 3), np.uint8)
    one, other = colored(image, labels, [1, 3]), colored(image, labels[:, ::-1], [1, 3])
    np.testing.assert_array_equal(one, other[:, ::-1])
    assert one[0, 2].tolist() == [150] * 3 and len({*map(tuple, one.reshape(-1, 3))}) == 4


def test_who_is_nearest():
    views = Views('word', packed(word_picture('12'), prob=0))
    assert views.pairs == [1, 2]
    right = np.array([[1, .2, .9, .1], [.2, 1, .8, .3]])
    assert found_again([views], [right]) == (1, 2)


def test_nothing_to_draw(tmp_path):
    with pytest.raises(SystemExit):
        main([str(CONFIG), str(tmp_path / 'none.png'), '--out', str(tmp_path / 'a.png')])
