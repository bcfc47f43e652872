import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from mmocr_siga.apis import ContextPool, WordEditor, WordInferencer
from mmocr_siga.demo_page import PageReader
from mmocr_siga.inference.packaged import packaged_models
from mmocr_siga.inference.scene_inferencer import SceneInferencer
from mmocr_siga.inference.tiled_detector import Found
from mmocr_siga.visualization import draw_scene
from tests.helpers.readers import word_picture


@pytest.fixture(scope='module')
def recognizer(tiny_files):
    return WordInferencer(*tiny_files, device='cpu', workers=0)


@pytest.fixture
def reader(recognizer):
    return PageReader(SceneInferencer(det=lambda image: [], rec=recognizer))


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
    view = PageReader(SceneInferencer(det=lambda _: (found, scores), rec=recognizer,
                                      score_thr=0)).scene(str(word_file))
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


def test_a_scene_with_a_detector(recognizer, word_file):
    found = [[[5, 5], [60, 5], [60, 35], [5, 35]]]
    reader = PageReader(SceneInferencer(det=lambda image: Found(found, [0.9], 'reduced'),
                                        rec=recognizer, score_thr=0))
    view = reader.scene(str(word_file))
    assert view.note == '1 region found by the detector; reduced'
    assert len(view.words) == 1 and view.details['note'] == 'reduced'
    # Regions that are given come first.
    assert '1 region given' in reader.scene(str(word_file), '0 0 50 40').note


def test_a_scene_without_words(recognizer, word_file):
    view = PageReader(SceneInferencer(det=lambda image: [], rec=recognizer)).scene(str(word_file))
    assert view.error is None and view.words == [] and view.picture.shape[2] == 3
    assert view.note == '0 regions found by the detector'


def test_editing(tiny_editor, recognizer, word_file):
    editor = WordEditor(*tiny_editor, device='cpu', reader=recognizer)
    found = [[[5, 5], [60, 5], [60, 35], [5, 35]]]
    reader = PageReader(SceneInferencer(det=lambda image: found, rec=recognizer, score_thr=0,
                                        turn='never', split_lines=False), editor)
    before = cv2.imread(str(word_file))
    view = reader.edit(str(word_file), 'NEW')
    (old, text, reading, score), = view.words
    assert (old, text) == (recognizer(str(word_file))[0].text, 'NEW') and 0 < score < 1
    assert recognizer(view.picture)[0].text == reading and view.error is None
    # What is found by its text, and what is given; words by one, and erased.
    text = reader.scene(str(word_file)).words[0][0]
    for view in (reader.edit(str(word_file), 'NEW', old=text),
                 reader.edit(str(word_file), None, '5,5,60,35\n500,500,600,600', old='other')):
        changed = (view.picture != before).any(2)
        assert changed[5:35, 5:60].any() and changed.sum() == changed[5:35, 5:60].sum()
        assert len(view.words) == 1
    assert view.words[0][1] is None and view.note.startswith('1 left out: the polygon lies outside')


@pytest.mark.parametrize('given, message', [
    (('NEW', 'here'), 'line 1 is no region'), (('NEW', '', 'other'), "'other' is not read in"),
    (('', ), 'the text is empty'),
    (('NEW', '0,0,9,9\n' * 21), '21 words are to be edited; at most'),
    (('\u5b57', ), 'the plain face lacks')])
def test_what_cannot_be_edited_is_told(tiny_editor, recognizer, word_file, given, message):
    editor = WordEditor(*tiny_editor, device='cpu', reader=recognizer)
    reader = PageReader(SceneInferencer(det=lambda image: [], rec=recognizer), editor)
    assert message in reader.edit(str(word_file), *given).error
    assert 'it was not uploaded' in reader.edit(None, *given).error


def kept(reader, tmp_path, words):
    """The file of a context of words, which are kept one after the other."""
    context = None
    for path, text in words:
        view = reader.keep(str(path), text, context)
        assert view.error is None
        context = str(tmp_path / 'context.npz')
        (tmp_path / 'context.npz').write_bytes(view.content)
    return context


@pytest.mark.skipif('siga_lcnet_words' not in packaged_models(), reason='no packaged weights')
def test_a_word_is_read_by_a_context(tmp_path):
    words = []
    for i, columns in enumerate((0, 1, 3, 1)):
        path = tmp_path / f'{i}.png'
        cv2.imwrite(str(path), np.roll(word_picture('Abc'), columns, 1) - np.uint8(3 * (i == 3)))
        words.append((path, 'XYZ'))
    reader = PageReader(SceneInferencer(det=lambda _: [[0, 0, 90, 0, 90, 40, 0, 40]],
                                        rec=WordInferencer(device='cpu', workers=0)))
    context = kept(reader, tmp_path, words[:3])
    assert reader.word(str(words[3][0])).text == 'Abc'
    view = reader.word(str(words[3][0]), context)
    assert view.text == 'XYZ' and [c for c, _ in view.characters] == list('XYZ')
    assert view.sheet is not None and len(view.details['char_boxes']) == 3
    assert reader.scene(str(words[3][0]), '0,0,90,40', context).words[0][0] == 'XYZ'
    assert reader.scene(str(words[3][0]), '0,0,90,40').words[0][0] == 'Abc'
    assert reader.word(str(words[3][0]), context).score == view.score


def test_what_is_no_context_is_told(reader, word_file, tmp_path, monkeypatch):
    no_pool = tmp_path / 'no.npz'
    no_pool.write_bytes(b'PK')
    for view in (reader.word(str(word_file), str(no_pool)),
                 reader.scene(str(word_file), '', str(no_pool)),
                 reader.keep(str(word_file), 'ab', str(no_pool))):
        assert 'the context is no pool' in view.error and str(tmp_path) not in view.error
    assert "has 'é'" in reader.keep(str(word_file), 'é').error
    context = kept(reader, tmp_path, [(word_file, 'ab')])
    assert 'holds it already' in reader.keep(str(word_file), 'ab', context).error
    monkeypatch.setattr('mmocr_siga.demo_page.reader.MOST_CONTEXT', 1)
    assert 'is full: it holds 1 words' in reader.keep(str(word_file), 'cd', context).error
    pool = ContextPool.load(context)
    pool.add([word_picture('Other')], ['cd'])
    pool.save(context)
    assert 'another kind, shape or size' in reader.word(str(word_file), context).error
