import json

import cv2
import numpy as np
import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.rendering.plain import draw_plain_words, plain_face
from tests.helpers.odm import tiny_odm
from tools.data import label_text_pixels as tool

BOXES = [[10, 10, 60, 10, 60, 30, 10, 30], [70, 10, 120, 10, 120, 30, 70, 30],
         [10, 50, 60, 50, 60, 70, 10, 70], [70, 50, 120, 50, 120, 70, 70, 70]]
TEXTS = ['one', 'two', 'three', 'four']
PLAIN = draw_plain_words((96, 128), list(zip(BOXES, TEXTS)), plain_face())[0] / 255


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return MODELS.build(tiny_odm(loss_glyph=None)).eval()


def words(scores):
    return [dict(polygon=box, text=text, score=score)
            for box, text, score in zip(BOXES, TEXTS, scores)]


def test_what_is_text_what_is_not_and_what_is_unknown(model, monkeypatch):
    """'two' was read with doubts, nothing is drawn of 'three', and something beside all words."""
    drawn = PLAIN.astype(np.float32)
    drawn[50:70, 10:60] = 0
    drawn[80:90, 5:9] = 1
    asked = []
    monkeypatch.setattr(tool, '_drawn', lambda model, picture, texts, side: (
        asked.extend(texts) or drawn))
    marked = [dict(word, asked=word['score'] > .8) for word in words([1, .3, 1, .9])]
    mask, missed = tool.text_pixels(model, np.zeros((96, 128, 3), np.uint8), marked)
    assert asked == ['one', 'three', 'four'] and missed == 1
    for left in (10, 70):  # 'one' above on the left, 'four' below on the right
        top = 10 if left == 10 else 50
        part = np.s_[top:top + 20, left:left + 50]
        np.testing.assert_array_equal(mask[part], PLAIN[part] >= .5)
    assert (mask[10:30, 70:120] == 255).all() and (mask[50:70, 10:60] == 255).all()
    assert (mask[80:90, 5:9] == 255).all()
    assert not mask[32:48].any()


def test_a_model_draws_at_another_size_and_many_words_take_turns(model):
    many = [dict(word, asked=True) for word in words([1] * 4) * 10]
    mask, _ = tool.text_pixels(model, np.zeros((50, 70, 3), np.uint8), many, .5, 64)
    assert mask.shape == (50, 70) and set(np.unique(mask)) <= {0, 1, 255}


def test_files(tmp_path, model, monkeypatch, capsys):
    monkeypatch.setattr(tool, '_drawn', lambda *args: PLAIN.astype(np.float32))
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((96, 128, 3), np.uint8))
    (tmp_path / 'b.png').write_bytes(b'none')
    lines = [dict(path=str(tmp_path / name), words=[
        dict(word, polygon=np.reshape(word['polygon'], (4, 2)).tolist())
        for word in words([1, 1, .1, 1])], skipped=[]) for name in ('a.png', 'b.png')]
    source = tmp_path / 'words.jsonl'
    source.write_text(''.join(json.dumps(line) + '\n' for line in lines))
    args = tool.parse_args(['c.py', 'w.pth', str(source), str(tmp_path / 'masks')])
    assert tool.label(args, model) == 1
    good, bad = map(json.loads, (tmp_path / 'masks/masks.jsonl').read_text().splitlines())
    mask = cv2.imread(str(tmp_path / 'masks' / good['mask']), cv2.IMREAD_UNCHANGED)
    assert (good['words'], good['left_out'], good['not_drawn']) == (3, 1, 0)
    assert mask.shape == (96, 128) and (mask[50:70, 10:60] == 255).all() and (mask == 1).any()
    assert 'error' in bad and 'b.png' in capsys.readouterr().err
    # MMOCR's JSON, here on one line.
    source.write_text(json.dumps(dict(metainfo=dict(dataset_type='TextSpottingDataset'), data_list=[
        dict(img_path='a.png', height=96, width=128, instances=[
            dict(polygon=BOXES[0], text='words', ignore=False, bbox=[10, 10, 60, 30], bbox_label=0),
            dict(polygon=BOXES[1], text='###', ignore=True, bbox=[70, 10, 120, 30],
                 bbox_label=0)])])))
    (path, found), = tool.scenes(source)
    assert path == str(tmp_path / 'a.png')
    assert [(word['text'], word['score']) for word in found] == [('words', 1.0), ('###', 0.0)]


def test_a_faulty_line_costs_itself_alone(tmp_path, model, monkeypatch, capsys):
    monkeypatch.setattr(tool, '_drawn', lambda *args: PLAIN.astype(np.float32))
    name = 'é' * 120 + '.png'  # as long as a file system takes, nearly
    (tmp_path / name).write_bytes(cv2.imencode('.png', np.zeros((96, 128, 3), np.uint8))[1])
    line = json.dumps(dict(path=str(tmp_path / name), words=[]))
    source = tmp_path / 'words.jsonl'
    source.write_text(f'{line}\n{{"words": 1}}\n{line}\n')
    args = tool.parse_args(['c.py', 'w.pth', str(source), str(tmp_path / 'masks')])
    assert tool.label(args, model) == 1 and 'line 2' in capsys.readouterr().err
    first, faulty, last = map(json.loads, (tmp_path / 'masks/masks.jsonl').read_text().splitlines())
    assert 'line 2' in faulty['path'] and 'TypeError' in faulty['error']
    assert all((tmp_path / 'masks' / each['mask']).is_file() for each in (first, last))
    # The first one, too, which tells what the file is.
    source.write_text(f'{line[:30]}\n{line}\n')
    (where, error), (path, found) = tool.scenes(source)
    assert where.endswith('line 1') and 'JSONDecodeError' in str(error)
    assert path == str(tmp_path / name) and found == []
