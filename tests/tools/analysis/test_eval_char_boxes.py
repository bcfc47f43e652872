"""tools/analysis/eval_char_boxes.py."""
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmocr_siga.apis import WordResult
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
    with pytest.raises(SystemExit):
        tool.main([*map(str, files), '--data', str(tmp_path)])
    assert 'char_boxes.tsv' in capsys.readouterr().err
