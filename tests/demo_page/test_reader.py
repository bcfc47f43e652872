import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmocr_siga.apis import WordInferencer
from mmocr_siga.demo_page import PageReader
from mmocr_siga.inference.scene_inferencer import SceneInferencer
from mmocr_siga.visualization import draw_scene


@pytest.fixture(scope='module')
def recognizer(tiny_files):
    return WordInferencer(*tiny_files, device='cpu', workers=0)


@pytest.fixture
def reader(recognizer):
    return PageReader(SceneInferencer(rec=recognizer))


def test_a_word(reader, recognizer, word_file):
    view = reader.word(str(word_file))
    result = recognizer(str(word_file))[0]
    assert view.error is None and len(view.text) == 8
    assert (view.text, view.score) == (result.text, result.score)
    assert view.characters == list(zip(result.text, result.char_scores))
    assert view.boxes.shape == (240, 720, 3) and view.sheet.shape[1] > 900
    assert json.loads(json.dumps(view.details))['char_boxes'] == result.char_boxes
    assert str(word_file) not in json.dumps(view.details)
    # Red stays red for the browser.
    cv2.imwrite(str(word_file), np.full((32, 128, 3), (0, 0, 250), np.uint8))
    assert (reader.word(str(word_file)).boxes[..., 0] > 200).mean() > 0.5


@pytest.mark.parametrize('content', [None, b'', b'not a picture', b'\x89PNG\r\n\x1a\n broken'])
def test_what_is_no_picture_is_told(reader, tmp_path, content):
    path = tmp_path / 'word.png'
    if content is not None:
        path.write_bytes(content)
    for view in (reader.word(str(path)), reader.scene(str(path))):
        assert view.error and 'Traceback' not in view.error and str(tmp_path) not in view.error


def test_a_scene_by_regions(reader, word_file):
    view = reader.scene(str(word_file), '0,0,120,40\n10,5,60,5,60,35,10,35,text\n500,500,600,600')
    assert [text for text, _ in view.words] == [
        word['text'] for word in view.details['words']] and len(view.words) == 2
    assert view.note.startswith('3 regions given; 1 left out: ')
    # The scene inferencer's own picture.
    words, skipped = ([SimpleNamespace(**word) for word in view.details[key]]
                      for key in ('words', 'skipped'))
    np.testing.assert_array_equal(view.picture[..., ::-1],
                                  draw_scene(cv2.imread(str(word_file)), words, skipped))
    assert 'line 1 is no region' in reader.scene(str(word_file), 'here').error


def test_a_scene_without_regions_is_one_word(reader, word_file):
    view = reader.scene(str(word_file))
    assert len(view.words) == 1 and 'read as one word' in view.note and not reader.has_detector
    assert view.details['words'][0]['polygon'] == [[0, 0], [120, 0], [120, 40], [0, 40]]


def test_a_scene_with_a_detector(recognizer, word_file):
    found = [[[5, 5], [60, 5], [60, 35], [5, 35]]]
    reader = PageReader(SceneInferencer(det=lambda image: (found, [0.9]), rec=recognizer))
    view = reader.scene(str(word_file))
    assert reader.has_detector and view.note == 'regions found by the detector'
    assert len(view.words) == 1
    # Regions that are given come first.
    assert '1 region given' in reader.scene(str(word_file), '0 0 50 40').note
