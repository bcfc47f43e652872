import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mmocr_siga.cli import main
from mmocr_siga.inference.editor import EDITED
from mmocr_siga.structures.results import SceneResult, SpottedWord
from tests.helpers.editors import ToldReader, editor_files, scene


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    config, weights = editor_files(tmp_path_factory.mktemp('editor'))
    return ['--config', str(config), '--weights', str(weights), '--device', 'cpu']


@pytest.fixture
def reader(monkeypatch):
    reader = ToldReader(lambda crop: 'NEW')
    monkeypatch.setattr('mmocr_siga.inference.editor.load_reader', lambda: reader)
    return reader


@pytest.fixture
def street(tmp_path):
    picture, boxes = scene()
    cv2.imwrite(str(tmp_path / 'street.png'), picture)
    return tmp_path / 'street.png', picture, boxes


def test_a_word_is_rewritten(model, reader, street, capsys):
    path, picture, _ = street
    assert main(['edit', str(path), '--text', 'NEW', *model]) == 0
    out = path.with_name('street_edited.png')
    assert capsys.readouterr().out == f'{out}\tNEW\t0.5000\n'
    assert Image.open(out).text == {'Comment': EDITED} and b'tEXtComment\0' in out.read_bytes()
    edited = cv2.imread(str(out))
    assert edited.shape == picture.shape and (edited != picture).any()
    assert (cv2.imread(str(path)) == picture).all()


def test_another_reading_is_told_by_the_exit_code(model, reader, street, capsys):
    reader.tell = lambda crop: 'old'
    path = street[0]
    assert main(['edit', str(path), '--text', 'NEW', *model]) == 1
    assert capsys.readouterr().out.endswith('\told\t0.5000\n')
    assert path.with_name('street_edited.png').is_file()
    # Nothing is to be read where a word was erased.
    assert main(['edit', str(path), '--erase', *model]) == 0


@pytest.mark.parametrize('where', [['--box', '14,18,100,52'],
                                   ['--polygon', '14,18,114,18,114,70,14,70']])
def test_regions(model, reader, street, tmp_path, where):
    path, picture, _ = street
    assert main(['edit', str(path), '--text', 'NEW', *where, '--out', str(tmp_path / 'x.png'),
                 *model]) == 0
    edited = cv2.imread(str(tmp_path / 'x.png'))
    changed = (edited != picture).any(2)
    assert changed[18:70, 14:114].any()
    changed[18:70, 14:114] = False
    assert not changed.any()


def test_words_are_found_and_erased(model, reader, street, tmp_path, monkeypatch, capsys):
    path, picture, boxes = street

    class Spotter:
        def __init__(self, rec):
            assert rec is reader

        def __call__(self, images, **_):
            return [SceneResult(words=[
                SpottedWord(np.reshape(box, (-1, 2)).tolist(), text, 1.)
                for text, box in zip(('Exit', 'Bar'), boxes)])]

    monkeypatch.setattr('mmocr_siga.apis.SceneInferencer', Spotter)
    out = tmp_path / 'x.jpg'
    assert main(['edit', str(path), '--erase', '--find', 'Bar', '--out', str(out), *model]) == 0
    image = Image.open(io.BytesIO(out.read_bytes()))
    assert image.getexif()[0x010e] == EDITED and image.info['comment'] == EDITED.encode()
    gap = np.abs(cv2.imread(str(out)).astype(int) - picture)
    assert gap[:100].mean() < 3 < gap[118:170, 144:244].mean()
    capsys.readouterr()
    assert main(['edit', str(path), '--erase', '--find', 'Pub', *model]) == 2
    assert "'Pub' is not read in the picture, but 'Exit', 'Bar'" in capsys.readouterr().err


@pytest.mark.parametrize('arguments, message', [
    (['--text', ''], 'the text is empty'),
    (['--text', 'a\u5b57'], "the plain face lacks '\u5b57'"),
    (['--text', 'NEW', '--box', '400,10,20,20'],
     'the polygon lies outside the picture of 300 x 200 pixels'),
    (['--text', 'NEW', '--polygon', '5,5,5,5,50,5'], 'has fewer than 3 different points'),
    (['--erase', '--out', 'x.gif'], 'x.gif: an edited picture is written as .png or .jpg'),
    (['--erase', '--out', 'no/such/folder.png'], 'No such file or directory')])
def test_what_cannot_be_done(model, reader, street, capsys, arguments, message):
    assert main(['edit', str(street[0]), *arguments, *model]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in street[0].parent.glob('*edited*')] == []


@pytest.mark.parametrize('box', ['1,2,3', '1,2,0,4', '1,2,x,4', '1,2,nan,4'])
def test_boxes_that_are_none(street, capsys, box):
    with pytest.raises(SystemExit):
        main(['edit', str(street[0]), '--erase', '--box', box])
    assert '--box' in capsys.readouterr().err


def test_without_a_model(street, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr('mmocr_siga.inference.packaged.WEIGHTS_FOLDER', tmp_path)
    assert main(['edit', str(street[0]), '--erase']) == 2
    error = capsys.readouterr().err
    assert "the weights of the model 'disentangled_words' are not in this installation" in error
    assert 'model=CONFIG, weights=CHECKPOINT' in error
    assert main(['edit', str(tmp_path / 'no.png'), '--erase', '--model', 'x.py']) == 2
    assert "there is no config at 'x.py'" in capsys.readouterr().err
