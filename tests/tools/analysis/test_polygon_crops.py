import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from PIL import Image

from tools.analysis.polygon_crops import main, turned


def test_turned_by_a_right_angle():
    picture = np.zeros((40, 60), np.uint8)
    picture[10:20, 30:50] = 255
    box = np.array([[30, 10], [50, 10], [50, 20], [30, 20]], float)
    image, (polygon, ) = turned(picture, [box], 90)
    assert image.shape == (60, 40)
    # Anticlockwise: what was on the right is on top.
    assert np.allclose(polygon, [[10, 30], [10, 10], [20, 10], [20, 30]])
    # Pixel centres and edges differ by half a pixel.
    rows, columns = np.nonzero(image > 128)
    assert np.abs(np.array([columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]) -
                  [10, 20, 10, 30]).max() <= 1


def test_a_table(tmp_path, capsys, pytestconfig):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'gts').mkdir()
    for name, line in (('a', '5,5,50,5,50,25,5,25,word\n'), ('b', '')):
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)) \
            .save(tmp_path / f'images/{name}.png')
        (tmp_path / f'gts/gt_{name}.txt').write_text(line)
    config = pytestconfig.rootpath / 'configs/siga_tiny.py'
    model = MODELS.build(dict(Config.fromfile(config).model, glyph_head=None))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'rec.pth')
    assert main([str(tmp_path), '--model', str(config), '--weights', str(tmp_path / 'rec.pth'),
                 '--device', 'cpu', '--angles', '0', '30']) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| angle | polygon | upright | upright, MMOCR's margins |"
    for line, angle in zip(lines[2:], ('0', '30')):
        # A strong lexicon of one word always finds it.
        cells = [cell.strip() for cell in line.strip('|').split('|')]
        assert cells[0] == angle and [cell.split(' / ')[1] for cell in cells[1:]] == ['1.0000'] * 3


def test_scenes_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='no folder of annotations'):
        main([str(tmp_path)])
