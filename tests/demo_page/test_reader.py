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
    # A large one is read smaller, but its places are those of its own pixels.
    large = cv2.resize(cv2.imread(str(word_file)), (6000, 2000), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(word_file), large)
    boxes = np.array(reader.word(str(word_file)).details['char_boxes'])
    np.testing.assert_allclose(boxes, recognizer(large)[0].char_boxes, atol=60)
    assert boxes.max() > 2100


def test_limits(reader, recognizer, word_file, monkeypatch):
    many = reader.scene(str(word_file), '0,0,60,40\n' * 103)
    assert len(many.words) == 100 and 'more than 100 words are not read' in many.note
    found = [[[0, 0], [60 - 0.1 * i, 0], [60, 40], [0, 40]] for i in range(120)]
    scores = np.random.default_rng(0).permutation(np.linspace(0.4, 0.9, 120))
    view = PageReader(SceneInferencer(det=lambda _: (found, scores), rec=recognizer)).scene(
        str(word_file))
    assert sorted(word['det_score'] for word in view.details['words']) == pytest.approx(
        sorted(scores)[20:])
    reader.spotter.max_seconds = 0
    late = reader.scene(str(word_file), '0,0,60,40')
    assert late.words == [] and 'reading took more than 0 s' in late.note
    monkeypatch.setattr('mmocr_siga.demo_page.reader.MOST_PIXELS', 120 * 40 - 1)
    for view in (reader.word(str(word_file)), reader.scene(str(word_file))):
        assert 'it is 120 x 40 pixels large; the page takes up to 4,799' in view.error


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
    np.testing.assert_array_equal(view.picture,
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
