import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmocr.apis import TextRecInferencer
from mmocr.registry import MODELS

from mmocr_siga.apis import WordInferencer, WordResult
from mmocr_siga.geometry.ink_cuts import ink_boxes, ink_mask
from mmocr_siga.inference.inputs import Source
from mmocr_siga.inference.packaged import packaged_models
from mmocr_siga.inference.pipelines import packed
from mmocr_siga.inference.tta import views
from mmocr_siga.inference.word_reader import Options
from mmocr_siga.structures.words import Hypothesis
from tests.conftest import REPO
from tests.helpers.mmocr_models import small_config
from tests.helpers.readers import (
    PIPELINE,
    RESCALED,
    UNPADDED,
    reader_files,
    word_picture,
    word_pictures,
)
from tests.helpers.words import DICTIONARY, index, tiny_model


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return reader_files(tmp_path_factory.mktemp('reader'))


@pytest.fixture(scope='module')
def reader(files):
    return WordInferencer(*files, device='cpu')


def same(first, second, tolerance=1e-5):
    assert len(first) == len(second)
    for a, b in zip(first, second):
        assert (a.path, a.text, a.size, a.error) == (b.path, b.text, b.size, b.error)
        assert a.score == pytest.approx(b.score, abs=tolerance)
        np.testing.assert_allclose(a.char_scores, b.char_scores, atol=tolerance)
        assert (a.char_boxes is None) == (b.char_boxes is None)
        if a.char_boxes is not None:
            np.testing.assert_allclose(a.char_boxes, b.char_boxes, atol=tolerance)


def test_what_a_result_holds(reader):
    assert reader.model.glyph_head is None and not reader.model.training
    image = word_picture()
    reading, = reader(image, return_masks=True)
    length = len(reading.text)
    assert length > 0 and reading.path is None and reading.error is None
    assert reading.size == (90, 40)
    assert len(reading.char_scores) == length and len(reading.char_boxes) == length
    # The end token takes part.
    assert 0 < reading.score <= np.prod(reading.char_scores) + 1e-6
    boxes = np.array(reading.char_boxes)
    assert (boxes >= 0).all() and (boxes[:, 2] <= 90).all() and (boxes[:, 3] <= 40).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all() and (np.diff(boxes[:, 0]) >= 0).all()
    assert reading.mask.shape == (40, 90) and set(np.unique(reading.mask)) <= set(range(length + 1))
    parsed = json.loads(json.dumps(reading.to_dict()))
    assert set(parsed) == {'path', 'text', 'score', 'char_scores', 'char_boxes'}


def test_boxes_are_in_the_pictures_own_pixels(reader):
    picture = cv2.resize(word_picture(), (128, 32))
    small, = reader(picture)
    # Reduced to a third, it is the same again to the pixel.
    large, = reader(picture.repeat(3, 0).repeat(3, 1))
    assert small.text == large.text != ''
    np.testing.assert_allclose(large.char_boxes, 3 * np.array(small.char_boxes), atol=1e-3)
    assert reader(picture, return_char_boxes=False)[0].char_boxes is None


def test_the_text_is_that_of_mmocrs_inferencer(reader, files):
    pictures = word_pictures(8)
    theirs = TextRecInferencer(str(files[0]), weights=str(files[1]), device='cpu')
    want = theirs(pictures, batch_size=4)['predictions']
    got = reader(pictures)
    assert [r.text for r in got] == [w['text'] for w in want]
    assert [np.mean(r.char_scores) for r in got if r.text] == pytest.approx(
        [w['scores'] for w in want if w['text']], abs=1e-4)


@pytest.mark.parametrize('pipeline, changes, tta', [
    (PIPELINE, {}, 0), (RESCALED, {}, 0), (UNPADDED, {}, 0),
    (RESCALED, dict(kind='parallel', glyph_head=None), 0), (PIPELINE, {}, 1), (UNPADDED, {}, 1)])
def test_neither_batch_nor_threads_change_anything(tmp_path, pipeline, changes, tta):
    files = reader_files(tmp_path, pipeline, **changes)
    read, inline = (WordInferencer(*files, device='cpu', workers=n, tta=tta) for n in (4, 0))
    pictures = word_pictures(7 if tta else 21, widths=(60, 90, 150, 33))
    alone = inline(pictures, batch_size=1)
    assert len({r.text for r in alone}) > len(pictures) // 4
    for result in alone:  # boxes lie on the picture, not on its padding
        assert all(left <= right <= result.size[0] for left, _, right, _ in result.char_boxes)
    for batch_size in (2, 32):
        same(alone, read(pictures, batch_size=batch_size))
    same(alone[::-1], read(pictures[::-1], batch_size=5))
    same(alone[:2], read(pictures[:2]))
    options = dict(nbest=3, return_masks=True)
    for a, b in zip(read(pictures, 1, **options), read(pictures, 32, **options)):
        assert (a.mask == b.mask).mean() > 0.99 and a.mask.shape == a.size[::-1]
        assert a.view == b.view and a.nbest[0][0] == a.text
        assert [text for text, _ in a.nbest] == [text for text, _ in b.nbest]
        np.testing.assert_allclose([p for _, p in a.nbest], [p for _, p in b.nbest], atol=1e-5)


@pytest.mark.parametrize('pipeline', [PIPELINE, RESCALED])
def test_optimized_results_are_those_of_the_trained_model(tmp_path, pipeline):
    files = reader_files(tmp_path, pipeline=pipeline)
    fast, plain = (WordInferencer(*files, device='cpu', optimize=flag) for flag in (True, False))
    kinds = [{type(m) for m in reader.model.modules()} for reader in (fast, plain)]
    assert [torch.nn.BatchNorm2d in found for found in kinds] == [False, True]
    same(fast(word_pictures(12)), plain(word_pictures(12)), tolerance=1e-4)


def test_a_model_that_would_read_otherwise_stays_as_it_is(files, reader, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError('the recognizer reads otherwise')

    monkeypatch.setattr('mmocr_siga.inference.word_inferencer.optimize_for_inference', refuse)
    same(WordInferencer(*files, device='cpu')(word_pictures(4)), reader(word_pictures(4)))


def test_half_precision(files, reader):
    fast = WordInferencer(*files, device='cpu', precision='bfloat16')
    dtypes = []
    convolution = next(m for m in fast.model.modules() if isinstance(m, torch.nn.Conv2d))
    convolution.register_forward_hook(lambda module, args, out: dtypes.append(out.dtype))
    got, want = fast(word_pictures(12), return_masks=True), reader(word_pictures(12))
    assert set(dtypes) == {torch.bfloat16}
    assert all(r.error is None and r.mask is not None for r in got)
    assert sum(a.text == b.text for a, b in zip(got, want)) >= 8


def test_nbest(reader):
    pictures = word_pictures(12)
    for one, several in zip(reader(pictures), reader(pictures, nbest=4)):
        assert len(several.nbest) == 4 and several.nbest[0] == (several.text, several.score)
        assert several.score >= one.score - 1e-6 and one.nbest is None
        assert len(several.char_scores) == len(several.char_boxes) == len(several.text)
        assert several.nbest == sorted(several.nbest, key=lambda pair: -pair[1])
        assert several.to_dict()['nbest'] == several.nbest


def test_any_input_in_order(reader, tmp_path):
    image = word_picture()
    png = cv2.imencode('.png', image)[1].tobytes()
    (tmp_path / '1.png').write_bytes(png)
    (tmp_path / '2.png').write_bytes(b'no picture')
    mix = [image, str(tmp_path), png, tmp_path / 'gone.png', None, image.astype(np.float32) / 255]
    found = reader(mix, batch_size=3)
    want, = reader(image)
    assert [bool(r.error) for r in found] == [False, False, True, False, True, True, False]
    for i in (0, 1, 3, 6):
        assert found[i].text == want.text and found[i].score == pytest.approx(want.score, abs=1e-4)
    failed = found[2]
    assert found[1].path == str(tmp_path / '1.png')
    assert failed == WordResult(str(tmp_path / '2.png'), error=failed.error)
    assert failed.to_dict()['error'] == failed.error and 'no picture' in failed.error
    assert [r.to_dict() for r in reader.iter_read(mix)] == [r.to_dict() for r in reader(mix)]
    assert reader([]) == [] and reader(iter([]), nbest=2) == []


@pytest.mark.parametrize('size', [(1, 1), (10, 20000), (3000, 5), (4, 70000)])
def test_odd_sizes(reader, size):
    result, = reader(np.full(size, 90, np.uint8))
    assert result.error or result.size == size[::-1]


def test_results_come_while_inputs_are_taken(reader):
    taken = []
    results = reader.iter_read((taken.append(1) or image for image in word_pictures(60)), 4)
    assert not taken  # nothing happens before the first is asked for
    next(results)
    assert 4 <= len(taken) < 30
    results.close()  # it may be left half-way


def test_threads_run_a_pipeline_one_after_the_other_in_the_scope_of_mmocr():
    """Transforms such as RescaleToHeight keep what they build for the picture at hand."""
    inside, most = [], []

    def pipeline(results):
        inside.append(1)
        most.append(len(inside))
        assert DefaultScope.get_current_instance().scope_name == 'mmocr'
        time.sleep(0.001)  # lets the others in if nothing holds them
        inside.pop()

    with DefaultScope.overwrite_default_scope('mmdet'):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda image: packed(pipeline, image), word_pictures(20)))
        assert DefaultScope.get_current_instance().scope_name == 'mmdet'
    assert set(most) == {1}


def test_progress(reader, capsys):
    told = []
    reader(word_pictures(5), batch_size=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    reader(word_pictures(2), progress=True)
    assert '2/2 [' in capsys.readouterr().err
    reader(word_pictures(2))
    assert capsys.readouterr().err == ''


def test_a_drawing(reader, tmp_path):
    path = tmp_path / 'a.png'
    cv2.imwrite(str(path), word_picture())
    picture = reader.draw(path)
    assert picture.ndim == 3 and picture.dtype == np.uint8
    with pytest.raises(ValueError, match='one picture is drawn at a time, but 2'):
        reader.draw([path, path])
    with pytest.raises(ValueError, match='no such file'):
        reader.draw(tmp_path / 'b.png')


def test_a_rectified_word(tmp_path):
    read = WordInferencer(*reader_files(tmp_path, preprocessor=dict(
        type='TPSRectifier', output_size=(32, 128))), device='cpu')
    result, = read(word_picture(), return_masks=True)
    boxes = np.array(result.char_boxes)
    assert len(boxes) == len(result.text) and result.mask is None
    assert (boxes[:, 2:] > boxes[:, :2]).all() and (boxes <= [90, 40, 90, 40]).all()
    assert read.draw(word_picture()).ndim == 3


def test_other_recognizers_have_boxes_by_their_ink(tmp_path):
    model = small_config('nrtr')
    pipeline = [dict(step, scale=(80, 32)) if step['type'] == 'Resize' else step
                for step in PIPELINE]
    torch.save(dict(state_dict=MODELS.build(model).state_dict()), tmp_path / 'w.pth')
    cfg = Config(dict(model=model, test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    read = WordInferencer(cfg, tmp_path / 'w.pth', device='cpu')
    pictures = [word_picture('ab'), word_picture('xyz')]
    for result in read(pictures):
        boxes = np.array(result.char_boxes).reshape(-1, 4)
        assert result.error is None and len(boxes) == len(result.text)
        assert (boxes[:, 2:] > boxes[:, :2]).all() and (np.diff(boxes[:, 0]) >= 0).all()
        assert len(result.char_scores) == len(result.text) and 0 <= result.score <= 1
    read.char_boxes = 'glyphs'
    assert all(result.char_boxes is None for result in read(pictures))
    with pytest.raises(ValueError, match='reads greedily only'):
        read(word_picture(), nbest=2)
    with pytest.raises(ValueError, match='shows nothing'):
        read.draw(word_picture())


@pytest.mark.parametrize('kind', ['plain', 'ctc', 'two'])
def test_boxes_without_glyph_maps_follow_the_attention(tmp_path, kind):
    decoder = dict(type='CTCDecoder', in_channels=8, max_seq_len=30)
    if kind == 'two':
        decoder = dict(type='TwoReaderDecoder', first=decoder, second=dict(decoder))
    if kind != 'plain':
        decoder['dictionary'] = dict(DICTIONARY, with_padding=True)
    changes = dict(glyph_head=None, encoder=dict(tiny_model()['encoder'], pyramid=None))
    files = reader_files(tmp_path, RESCALED, kind='plain', **changes,
                         **({} if kind == 'plain' else dict(decoder=decoder)))
    pictures = word_pictures(4)
    read = WordInferencer(*files, device='cpu')
    found = read(pictures)
    assert max(len(result.text) for result in found) > 1
    for image, result in zip(pictures, found):
        # All by hand: the attention of the word, and the ink of what is not padding.
        word = read._load(Source(None, image))
        data = read.model.data_preprocessor(dict(inputs=[word.data['inputs']], data_samples=[
            word.data['data_samples']]), False)
        with torch.no_grad():
            encoding = read.model.encoder(read.model.extract_feat(data['inputs']),
                                          data['data_samples'])
            decoder = getattr(read.model.decoder, 'first', read.model.decoder)
            tokens = torch.tensor([[37 if kind == 'plain' else 38, *index(result.text)]])
            attention = decoder.decode(encoding, data['data_samples'], tokens).attention[0]
        shown = word.data['inputs'].numpy()[..., :round(128 * word.valid_ratio)]
        shown = np.ascontiguousarray(shown.transpose(1, 2, 0))
        boxes = ink_boxes(ink_mask(shown, len(result.text)), result.text,
                          attention[:len(result.text)].numpy(),
                          np.array([[word.valid_ratio, 0, 0], [0, 1, 0]]))
        np.testing.assert_allclose(result.char_boxes, boxes * [*result.size, *result.size],
                                   atol=1e-3)
    by_ink = WordInferencer(*files, device='cpu', char_boxes='cuts')(pictures)
    assert [r.text for r in by_ink] == [r.text for r in found]
    assert any(not np.allclose(a.char_boxes, b.char_boxes) for a, b in zip(by_ink, found))


def test_a_line_of_more_characters_than_there_are_maps_of(reader):
    word = reader._load(Source(None, word_picture('manyletters', (40, 260))))
    line = Hypothesis(tuple(range(10, 19)), (0.9, ) * 9, 0.4)
    maps = dict(fine=np.full((8, 4, 16), 1 / 8, np.float32))
    result = reader._result(word, [line], Options(1, 1, True, True, 0.0), maps)
    assert len(result.char_boxes) == len(result.text) == 9 and result.mask is None


@pytest.mark.parametrize('option', [dict(batch_size=0), dict(nbest=0), dict(batch_size=2.5),
                                    dict(nbest=True)])
@pytest.mark.parametrize('method', ['__call__', 'iter_read'])
def test_wrong_numbers(reader, option, method):
    with pytest.raises(ValueError, match='whole number from 1 on'):
        getattr(reader, method)(word_picture(), **option)


@pytest.mark.parametrize('arguments, options, error, message', [
    (['reader.py'], {}, ValueError, 'needs weights'),
    (['gone.py'], {}, FileNotFoundError, 'no config at'),
    (['reader.py', 'gone.pth'], {}, FileNotFoundError, 'no weights at'),
    (['no_such'], {}, FileNotFoundError, "'no_such' is neither"),
    (['reader.py', 'reader.pth', 'cuda:77'], {}, RuntimeError, "'cuda:77' cannot be used"),
    (['reader.py', 'reader.pth', 'gpu'], {}, RuntimeError, "device 'gpu' cannot be used"),
    ([], dict(precision='float16'), ValueError, "precision must be 'float32' or 'bfloat16'"),
    ([], dict(char_boxes='ink'), ValueError, "char_boxes must be one of .*, got 'ink'"),
    ([], dict(tta=1.5), ValueError, 'tta must be a probability'),
    ([], dict(tta=float('nan')), ValueError, 'tta must be a probability'),
])
def test_wrong_arguments(files, monkeypatch, arguments, options, error, message):
    monkeypatch.chdir(files[0].parent)
    with pytest.raises(error, match=message):
        WordInferencer(*arguments, **options)


@pytest.mark.cuda
def test_gpu_and_cpu_agree(files, reader):
    pictures = word_pictures(33)
    on_gpu = WordInferencer(*files)
    assert on_gpu.device.type == 'cuda'
    same(on_gpu(pictures, 1), on_gpu(pictures, 32))
    same(on_gpu(pictures), reader(pictures), 1e-3)


def test_tta_takes_the_most_probable_result(reader, files):
    augmented = WordInferencer(*files, device='cpu', tta=1)
    pictures, found = word_pictures(6), []
    for image, got in zip(pictures, augmented(pictures)):
        ways = [(None, image), *((view.name, seen) for view, seen in views(image))]
        results = [(name, reader(seen)[0]) for name, seen in ways]
        name, best = max(results, key=lambda way: (way[1].text != '', way[1].score))
        assert (got.text, got.view) == (best.text, name)
        assert got.score == pytest.approx(best.score, abs=1e-5)
        np.testing.assert_allclose(got.char_scores, best.char_scores, atol=1e-5)
        assert got.size == image.shape[1::-1] and len(got.char_boxes) == len(got.text)
        found.append(name)
    assert set(found) != {None}


@pytest.mark.parametrize('source', ['glyphs', 'cuts'])
def test_boxes_of_views(files, source):
    """Of upright ones those of what is seen; of turned ones they do not grow around it."""
    read = WordInferencer(*files, device='cpu', char_boxes=source)
    image = word_picture('Abc', (40, 90))
    whole = read._load(Source(None, image))
    for view, seen in views(image):
        word = read._load(Source(None, seen))
        alone, there = read._read_alike([word, word._replace(view=view, whole=whole)],
                                        Options(2, 1, True, False, 0.0))
        boxes, around = np.array(there.char_boxes), view.boxes_back(alone.char_boxes, (90, 40))
        assert boxes.shape == around.shape and (boxes >= 0).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all() and (boxes <= [90, 40, 90, 40]).all()
        assert (np.diff(boxes[:, 0]) >= 0).all()
        if source == 'cuts' and len(boxes):
            # As many pieces of the picture's own ink, whatever the view.
            want = ink_boxes(ink_mask(cv2.resize(image, (128, 32), interpolation=cv2.INTER_CUBIC),
                                      len(boxes)), there.text) * [90, 40, 90, 40]
            np.testing.assert_allclose(boxes, want, atol=1e-6)


def test_only_unsure_words_are_read_again(reader, files):
    pictures = word_pictures(12)
    first = reader(pictures)
    limit = float(np.median([r.score for r in first]))
    for once, got in zip(first, WordInferencer(*files, device='cpu', tta=limit)(pictures)):
        if once.score >= limit:
            same([once], [got])
        assert (got.text != '', got.score) >= (once.text != '', once.score - 1e-5)


@pytest.mark.skipif(not packaged_models(), reason='no packaged weights')
def test_packaged_models_use_tta(reader):
    assert reader.tta == 0 and WordInferencer(device='cpu').tta == 0.6
    assert WordInferencer(device='cpu', tta=0).tta == 0


def test_a_picture_is_drawn_as_it_was_read(reader, files):
    augmented = WordInferencer(*files, device='cpu', tta=1)
    image = next(p for p in word_pictures(12) if augmented(p)[0].view is not None)
    got, = augmented(image)
    seen, there = augmented.as_seen(image, got)
    assert seen.shape[1::-1] == there.size
    assert there.text == got.text and there.mask.shape == seen.shape[:2]
    same([there], reader(seen))
    assert augmented.draw(image).dtype == np.uint8
    once, = reader(image)
    assert reader.as_seen(image, once) == (image, once)


def test_whole_pictures_are_not_kept(reader, files):
    large = Source(None, cv2.resize(word_picture(), (1800, 800)))
    assert reader._load(large).image is None
    kept = WordInferencer(*files, device='cpu', tta=1)._load(large)
    assert kept.size == (1800, 800) and max(kept.image.shape) == 512


READ_IN_A_CHILD = """
import os, signal
from mmocr_siga.apis import WordInferencer
import numpy as np
picture = np.random.default_rng(0).integers(0, 256, (64, 256, 3), np.uint8)
read = WordInferencer({files}, device='cpu')
want = read(picture)[0].text
child = os.fork()
if child == 0:
    signal.alarm(120)
    os._exit(read(picture)[0].text != want)
raise SystemExit(os.waitpid(child, 0)[1] != 0)
"""


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no forks here')
def test_a_forked_process_reads(files):
    variables = {k: v for k, v in os.environ.items() if k != 'OMP_NUM_THREADS'}
    code = READ_IN_A_CHILD.format(files=', '.join(repr(str(file)) for file in files))
    subprocess.run([sys.executable, '-c', code], env={**variables, 'PYTHONPATH': str(REPO)},
                   check=True)


def test_a_batch_that_fails_is_read_one_by_one(reader, monkeypatch):
    pictures = word_pictures(3)
    want = reader(pictures, return_char_boxes=False)
    read = reader._read_alike

    def failing(words, options):
        if len(words) > 1 or words[0].size == pictures[1].shape[1::-1]:
            raise RuntimeError('no memory\nleft')
        return read(words, options)

    monkeypatch.setattr(reader, '_read_alike', failing)
    got = reader(pictures, return_char_boxes=False)
    failed = [i for i, word in enumerate(got) if word.error]
    assert 1 in failed and all(got[i].error == 'reading failed: no memory left' for i in failed)
    assert [w.text for w in got if not w.error] == [
        w.text for i, w in enumerate(want) if i not in failed]
