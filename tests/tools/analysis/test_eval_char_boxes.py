"""tools/analysis/eval_char_boxes.py."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.apis import WordResult
from mmocr_siga.models.plugins import GroupingPlugin
from tests.helpers.readers import reader_files, word_picture
from tools.analysis import eval_char_boxes as tool


def test_counts_by_hand(capsys):
    words = [(Path('real/one/images/1.png'), "A'b", np.array([[0, 0, .5, 1], [.5, 0, 1, 1]])),
             (Path('real/two/images/2.png'), 'c', np.array([[0, 0, 1, 1]])),
             (Path('real/two/images/3.png'), 'd', np.array([[0, 0, 1, 1]]))]
    readings = [
        # The apostrophe has no true box and is left out; x lies where b is.
        WordResult(text="a'x", char_boxes=[[0, 0, 10, 20], [9, 0, 11, 5], [10, 0, 20, 20]],
                    size=(20, 20)),
        WordResult(text='', char_boxes=[], size=(9, 9)),
        WordResult(path='3.png', error='broken'),
    ]
    found = tool.measure(readings, words, 0.5)
    assert found['one']['boxes'][:3] == (2, 2, 2) and found['one']['with text'][:3] == (1, 2, 2)
    assert found['two']['boxes'][:3] == (0, 0, 2)
    assert found['all']['boxes'][:3] == (2, 2, 4) and found['all']['boxes'].f1 == 2 / 3
    assert 'broken' in capsys.readouterr().err
    assert '| all | 4 | 66.7 | 100.0 | 50.0 | 33.3 | 0.500 |' in tool.table(found)
    with pytest.raises(ValueError, match='no character boxes'):
        tool.measure([WordResult(text='a')], words[:1], 0.5)


def test_a_run(tmp_path, capsys):
    folder = tmp_path / 'real' / 'iiit5k_train'
    (folder / 'images').mkdir(parents=True)
    cv2.imwrite(str(folder / 'images' / '1.png'), word_picture('ab'))
    (folder / 'val.tsv').write_text('images/1.png\tab\n')
    (folder / 'char_boxes.tsv').write_text('images/1.png\tab\t0,0,40,40;40,0,40,40\n')
    files = reader_files(tmp_path)
    out = tmp_path / 'out.json'
    arguments = [*map(str, files), '--data', str(tmp_path), '--sets', 'iiit5k_train', '--json',
                 str(out), '--device', 'cpu']
    assert tool.main(arguments) == 0
    assert '1 words of split val, IoU 0.5' in capsys.readouterr().out
    assert json.loads(out.read_text())['all']['boxes']['true'] == 2
    # Without a model the label is cut out of the ink.
    assert tool.main(['--data', str(tmp_path), '--sets', 'iiit5k_train', '--json', str(out)]) == 0
    assert json.loads(out.read_text())['all']['with text']['predicted'] == 2
    with pytest.raises(SystemExit):
        tool.main(['--source', 'glyphs', '--data', str(tmp_path), '--sets', 'iiit5k_train'])
    assert 'those of a model' in capsys.readouterr().err
    assert tool.main(['--source', 'components', '--data', str(tmp_path), '--sets', 'iiit5k_train',
                      '--json', str(out)]) == 0
    found = json.loads(out.read_text())['all']
    assert (found['boxes']['predicted'], found['with text']['matched']) == (2, 0)
    with pytest.raises(ValueError, match='no GroupingPlugin'):
        tool.main([*arguments, '--source', 'grouping'])
    with pytest.raises(SystemExit):
        tool.main([*map(str, files), '--data', str(tmp_path)])
    assert 'char_boxes.tsv' in capsys.readouterr().err


@pytest.mark.parametrize('lengths', ['true', 'read', 'free'])
def test_groups_of_a_plug_in(tmp_path, lengths, monkeypatch):
    plugin = dict(type='GroupingPlugin', reads='backbone.layer1', in_channels=4, dim=8)
    files = reader_files(tmp_path, kind='plain', type='PluggedGlyphRecognizer', glyph_head=None,
                         plugins=dict(groups=plugin))
    asked = []

    def letters(self, recognizer, inputs, data_samples, lengths):
        asked.append(lengths and lengths.tolist())
        found = torch.zeros(1, *inputs.shape[-2:], dtype=torch.long)
        found[:, 8:24, 10:20], found[:, 8:24, 60:110] = 2, 1
        return found

    monkeypatch.setattr(GroupingPlugin, 'letters', letters)
    cv2.imwrite(str(tmp_path / '1.png'), word_picture('ab', (64, 256)))
    # The house's margins: a cell around, and 0.3 of the gap of 40 in between.
    true = np.array([[9, 7, 33, 25], [47, 7, 111, 25]]) / [128, 32, 128, 32]
    words = [(tmp_path / 'set' / 'images' / '1.png', "a'b", true)]
    words[0][0].parent.mkdir(parents=True)
    (tmp_path / '1.png').rename(words[0][0])
    monkeypatch.setattr(tool, 'boxed_words', lambda *args: words)
    folder = tmp_path / 'real' / 'iiit5k_train'
    folder.mkdir(parents=True)
    (folder / 'char_boxes.tsv').touch()
    out = tmp_path / 'out.json'
    assert tool.main([*map(str, files), '--data', str(tmp_path), '--sets', 'iiit5k_train',
                      '--source', 'grouping', '--lengths', lengths, '--json', str(out)]) == 0
    boxes = json.loads(out.read_text())['all']['boxes']
    assert (boxes['matched'], boxes['predicted']) == (2, 2)
    assert boxes['overlap'] == pytest.approx(2)
    assert (asked[0] is None) == (lengths == 'free')
    assert asked[0] == [2] or lengths != 'true'
