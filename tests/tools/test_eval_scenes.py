"""tools/eval_scenes.py on drawn scenes."""
import sys

import cv2
import numpy as np
import pytest

from mmocr_siga.apis import WordResult
from mmocr_siga.inference.detectors import MMOCRDetector
from tests.helpers.ending import ended
from tools import eval_scenes as tool
from tools.eval_scenes import Scene, Words

pytestmark = pytest.mark.usefixtures('environment')


@pytest.fixture
def environment(monkeypatch, tmp_path):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))


def box(left, top, right, bottom):
    return np.array([left, top, right, top, right, bottom, left, bottom], float)


FIRST, SECOND, THIRD = box(0, 0, 40, 20), box(50, 0, 90, 20), box(0, 50, 40, 70)


def test_figures():
    scenes = [Scene('a.jpg', dict(polygons=[FIRST, SECOND], texts=['One', '###'],
                                  ignored=np.array([False, True]))),
              Scene('b.jpg', dict(polygons=[FIRST, SECOND], texts=['two', 'three'],
                                  ignored=np.array([False, False])))]
    # Right; where nothing counts; right, wrong text, nowhere.
    found = [Words([FIRST, SECOND], ['ONE', 'x'], [.9, .9], [1, 1]),
             Words([FIRST, SECOND, THIRD], ['two', 'tree', 'x'], [.6, .5, .2], [1, 1, 1])]
    out = tool.figures(scenes, found)
    assert (out['detection_precision'], out['detection_recall']) == (3 / 4, 1)
    assert (out['precision'], out['recall']) == (2 / 4, 2 / 3)
    # From .55 on two are left, both right.
    assert out['best_hmean'] == pytest.approx(2 / (1 + 3 / 2)) and out['floor'] == .55
    assert tool.figures(scenes, found, .55)['hmean'] == out['best_hmean']
    assert tool.figures(scenes, found, .7)['recall'] == 1 / 3


@pytest.fixture
def scenes(tmp_path):
    """A folder with three scenes of two words each, of which one is named in one."""
    for name in ('images', 'gts'):
        (tmp_path / 'set' / name).mkdir(parents=True)
    for i in range(3):
        picture = np.full((96, 200, 3), 220, np.uint8)
        for x, y in ((10, 30), (100, 80)):
            cv2.putText(picture, 'word', (x, y), cv2.FONT_HERSHEY_SIMPLEX, .8, (30, 0, 60), 2)
        cv2.imwrite(str(tmp_path / f'set/images/img_{i}.jpg'), picture)
        lines = ['8,10,74,10,74,34,8,34,word', '98,60,164,60,164,84,98,84,other']
        (tmp_path / f'set/gts/gt_img_{i}.txt').write_text('\n'.join(lines[:2 - (i == 2)]))
    return tmp_path / 'set'


class Parrot:
    """Reads 'word' everywhere."""

    def __init__(self, *args, **options):
        pass

    def iter_read(self, inputs, **options):
        return (WordResult(None, 'word', .7, [.9] * 4) for _ in inputs)


class SmallDetector(MMOCRDetector):
    """The packaged one, leaving small pictures small."""

    def __init__(self, *args):
        super().__init__(*args)
        self.inferencer.pipeline.transforms[1].scale = (256, 96)


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    monkeypatch.setattr(tool, 'WordInferencer', Parrot)
    for name in ('mmocr_siga.inference.detectors', 'tools.eval_scenes'):
        monkeypatch.setattr(f'{name}.MMOCRDetector', SmallDetector)
    monkeypatch.setitem(sys.modules, 'rapidocr', None)  # as if it were not installed


def rows(text):
    return [[cell.strip() for cell in line.split('|')[1:-1]] for line in text.splitlines()
            if line.startswith('|')]


def test_the_table(scenes, capsys):
    assert tool.main(['--scenes', str(scenes)]) == 0
    out = capsys.readouterr().out
    assert '3 scenes, 5 legible words' in out
    _, _, cascade, quads = rows(out)
    # Six are found, five asked for; three say 'word'.
    assert cascade[0] == 'detector and reader' and cascade[1:7] == [
        '83.3', '100.0', '90.9', '50.0', '60.0', '54.5']
    assert quads[:7] == ['annotated quads', *['100.0'] * 3, *['60.0'] * 3]
    assert tool.main(['--scenes', str(scenes), '--count', '1']) == 0
    assert '1 scenes, 2 legible words' in capsys.readouterr().out


def test_the_sweep(scenes, capsys):
    assert tool.main(['--scenes', str(scenes), '--sweep', '--mask-thr', '0.3', '--unclip', '0.1',
                      '1.6', '--top', '20']) == 0
    _, _, *found = rows(capsys.readouterr().out)
    assert len(found) == 14  # seven detection scores for each of two
    assert found[0][:2] == ['0.3', '1.6'] and found[0][4:] == ['54.5', '54.5', '90.9']
    # Outlines that are not grown are too small.
    assert ['0.1', '0.0'] in [[row[1], row[6]] for row in found]


def test_what_is_missing(tmp_path, capsys):
    assert ended(tool.main, ['--scenes', str(tmp_path / 'none')]) == 2
    assert 'none' in capsys.readouterr().err
    assert ended(tool.main, []) == 2
    assert 'ic15_scenes' in capsys.readouterr().err
