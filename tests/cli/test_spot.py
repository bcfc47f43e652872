import json

import cv2
import numpy as np
import pytest
from PIL import Image

from mmocr_siga.apis import SceneResult, SkippedRegion, SpottedWord
from mmocr_siga.cli import main
from mmocr_siga.cli.read import json_line
from mmocr_siga.cli.spot import text_lines


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp('scenes')
    pixels = np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8)
    for name in ('a', 'b', 'alone'):
        Image.fromarray(pixels).save(folder / f'{name}.png')
    (folder / 'gts').mkdir()
    (folder / 'gts/gt_a.txt').write_text(
        '5,5,50,5,50,25,5,25,word\n5,30,50,30,50,50,5,50,###\n0,0,9,9,9,0,0,9,crossing\nnonsense\n')
    (folder / 'gts/b.txt').write_text('')
    return folder


@pytest.fixture
def spot(model, capsys):
    return lambda *args: (main(['spot', *map(str, args), *model]), *capsys.readouterr())


def test_annotated_regions(spot, root):
    code, out, err = spot(root / 'a.png', root / 'b.png', '--gts', root / 'gts')
    assert code == 0
    line, = out.splitlines()
    path, _, score, polygon = line.split('\t')
    assert path == str(root / 'a.png') and 0 <= float(score) <= 1
    assert polygon == '5.0,5.0,50.0,5.0,50.0,25.0,5.0,25.0'
    assert 'gt_a.txt:4: expected eight numbers' in err
    assert 'a.png: left out: the polygon crosses or touches itself' in err


def test_json_and_pictures(spot, root, tmp_path):
    code, out, err = spot(root / 'alone.png', root / 'a.png', root / 'none.png', '--gts',
                          root / 'gts', '--json', '--draw', tmp_path / 'new' / 'drawn')
    assert code == 1
    alone, a, none = map(json.loads, out.splitlines())
    assert alone['words'] == [] and 'error' not in alone and alone['size'] == [90, 60]
    assert a['words'][0]['polygon'] == [[5, 5], [50, 5], [50, 25], [5, 25]]
    assert len(a['words'][0]['char_polygons']) == len(a['words'][0]['char_scores'])
    assert a['skipped'][0]['reason'] == 'the polygon crosses or touches itself'
    assert none['error'] == 'there is no such file or folder'
    assert 'alone.png: has no annotations' in err and 'none.png: there is no such' in err
    drawn = sorted(path.name for path in tmp_path.glob('new/drawn/*'))
    assert drawn == ['0001_alone.jpg', '0002_a.jpg']


@pytest.mark.parametrize('args, words', [
    (['x.png', '--gts', 'none'], "there is no folder 'none' (--gts)"),
    (['x.png', '--det', 'none.py'], "no config of a detector at 'none.py'"),
    (['x.png', '--det', 'none'], 'none'),
    (['x.png', '--gts', '.', '--det-weights', 'x'], '--det-weights needs --det'),
    (['x.png', '--gts', '.', '--draw', __file__], 'no folder can be made at'),
])
def test_mistakes(spot, args, words):
    code, out, err = spot(*args)
    assert code == 2 and out == '' and words in err and 'Traceback' not in err


def test_the_packages_own_detector(spot, root, tmp_path):
    # Nothing to find in the first; the second is cut off; the third has words, the fourth is large.
    blank = np.full((90, 160, 3), 200, np.uint8)
    words = blank.copy()
    cv2.putText(words, 'word', (20, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (40, 0, 0), 3)
    for name, picture in (('1', blank), ('2', words), ('3', words)):
        cv2.imwrite(str(tmp_path / f'{name}.png'), picture)
    whole = (tmp_path / '2.png').read_bytes()
    (tmp_path / '2.png').write_bytes(whole[:len(whole) // 2])
    Image.fromarray(np.pad(words, ((0, 0), (0, 4000), (0, 0)), 'edge')).convert('CMYK').save(
        tmp_path / '4.jpg')
    code, out, err = spot(tmp_path, '--json', '--score', '0')
    assert code == 1
    none, broken, found, long = map(json.loads, out.splitlines())
    assert none['words'] == none['skipped'] == [] and 'error' not in none
    assert 'damaged' in broken['error'] and 'words were looked for' not in found.get('note', '')
    assert 'in 23 parts' in long['note'] and '4.jpg: words were looked for in the picture in' in err
    for scene in (found, long):
        assert len(scene['words']) == 1
        (left, top), (right, bottom) = (f(scene['words'][0]['polygon'], axis=0)
                                        for f in (np.min, np.max))
        # 'word' as it was drawn, give or take a margin.
        assert abs(left - 20) < 10 and abs(right - 110) < 15 and 20 < top < 40 < bottom < 75


def test_lines():
    word = SpottedWord([[0, 1], [2.25, 1], [2, 3]], 'a\u00e9', .123456, None, [.5, 1 / 3],
                       [[[1 / 3] * 2] * 4] * 2)
    scene = SceneResult('a\tb.png', (4, 5), [word], [SkippedRegion([[None, 0]], 'why')])
    assert text_lines(scene) == ['a\\tb.png\ta\u00e9\t0.1235\t0.0,1.0,2.2,1.0,2.0,3.0']
    line = json_line(scene, 4)
    assert line.isascii() and json.loads(line)['words'][0]['char_scores'] == [.5, .3333]
    assert json.loads(line)['skipped'] == [{'polygon': [[None, 0]], 'reason': 'why'}]
