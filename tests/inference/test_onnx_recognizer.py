import copy
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmocr_siga.apis import ONNXRecognizer
from mmocr_siga.inference.onnx_recognizer import FORMAT_KEY, main, prepared

REPO = Path(__file__).resolve().parents[2]
onnx = pytest.importorskip('onnx', reason='the package onnx is not installed')
pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')

METADATA = dict(
    format_version=1, model='toy', max_seq_len=3,
    dictionary=dict(characters=['a', 'b', '<PAD>', '<EOS>'], end_idx=3, ignored=[2]),
    preprocessing=dict(steps=[dict(type='resize', width=8, height=4, interpolation='bicubic')],
                       size=[4, 8]))


def toy_file(path, tokens, scores, metadata=METADATA, size=(4, 8)):
    """A graph that reads the same word from every picture, whatever it shows."""
    model = onnx.parser.parse_model(f'''
        <ir_version: 8, opset_import: ["": 17]>
        toy (uint8[n, {size[0]}, {size[1]}, 3] images) => (int64[n, t] tokens, float[n, t] scores)
        <int64[1, {len(tokens)}] word = {{{str(tokens)[1:-1]}}},
         float[1, {len(scores)}] its_scores = {{{str(scores)[1:-1]}}}, int64[1] one = {{1}}> {{
            count = Shape<end = 1>(images)
            size = Concat<axis = 0>(count, one)
            tokens = Expand(word, size)
            scores = Expand(its_scores, size)
        }}''')
    if metadata is not None:
        text = metadata if isinstance(metadata, str) else json.dumps(metadata)
        onnx.helper.set_model_props(model, {FORMAT_KEY: text})
    onnx.save(model, str(path))
    return path


@pytest.fixture
def toy(tmp_path):
    return toy_file(tmp_path / 'toy.onnx', [1, 2, 0, 3, 1], [0.5, 0.9, 0.8, 0.25, 0.1])


def image(height=6, width=20, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize('tokens, scores, text, score, char_scores', [
    ([1, 2, 0, 3, 1], [.5, .9, .8, .25, .1], 'ba', .5 * .9 * .8 * .25, [.5, .8]),  # with its end
    ([0, 1], [.5, .5], 'ab', .25, [.5, .5]),  # a word that does not end
    ([3], [.75], '', .75, []),
])
def test_text_ends_at_the_end(tmp_path, tokens, scores, text, score, char_scores):
    word, = ONNXRecognizer(toy_file(tmp_path / 'a.onnx', tokens, scores))(image())
    assert word == dict(text=text, score=pytest.approx(score),
                        char_scores=pytest.approx(char_scores))


def test_everything_that_is_a_picture(toy, tmp_path):
    (tmp_path / 'wörd.png').write_bytes(cv2.imencode('.png', image())[1].tobytes())
    inputs = [tmp_path / 'wörd.png', tmp_path, image(), image()[..., 0]]
    read = ONNXRecognizer(toy, threads=1)
    assert [word['text'] for word in read(iter(inputs), batch_size=3)] == ['ba'] * 4
    assert read([]) == []


def test_boxes_out_of_the_ink(tmp_path):
    # Two dark blocks, seen at half their size: each with the margins of `ink_boxes`.
    step = dict(type='resize', width=128, height=32, interpolation='area')
    metadata = dict(METADATA, preprocessing=dict(steps=[step], size=[32, 128]))
    file = toy_file(tmp_path / 'a.onnx', [1, 2, 0, 3, 1], [0.5, 0.9, 0.8, 0.25, 0.1], metadata,
                    (32, 128))
    picture = np.full((64, 256, 3), 250, np.uint8)
    picture[16:48, 40:80] = picture[16:48, 100:140] = 9
    found = ONNXRecognizer(file)([picture, b''], return_char_boxes=True)
    np.testing.assert_allclose(found[0]['char_boxes'], [[38, 14, 88, 50], [92, 14, 142, 50]])
    assert found[0]['text'] == 'ba' and 'char_boxes' not in found[1]


def test_one_input_one_answer(toy):
    given = [image(), 'no_such.png', image(), b'', {'a': 1}, image()]
    words = ONNXRecognizer(toy)(given, batch_size=4)
    assert [word['text'] for word in words] == ['ba', '', 'ba', '', '', 'ba']
    errors = [word.get('error', '') for word in words]
    for i, message in ((1, 'cannot use no_such.png: there is no such file'),
                       (3, 'cannot use picture 3: the file is empty'), (4, 'dict is no picture')):
        assert message in errors[i]


@pytest.mark.parametrize('copied', [lambda read: pickle.loads(pickle.dumps(read)), copy.deepcopy])
def test_copies_read_alike(toy, copied, monkeypatch, tmp_path):
    monkeypatch.chdir(toy.parent)
    read = copied(ONNXRecognizer(toy.name, threads=1))
    monkeypatch.chdir(tmp_path.parent)  # where a relative path leads elsewhere
    assert copied(read)(image())[0]['text'] == 'ba'


def test_wrong_files_and_options(toy, tmp_path):
    with pytest.raises(FileNotFoundError, match='no ONNX file'):
        ONNXRecognizer(tmp_path / 'missing.onnx')
    (tmp_path / 'text.onnx').write_text('text')
    with pytest.raises(ValueError, match='is not an ONNX file'):
        ONNXRecognizer(tmp_path / 'text.onnx')
    newer = {**METADATA, 'format_version': 2}
    lacking = {k: v for k, v in METADATA.items() if k != 'dictionary'}
    for metadata, message in [(None, 'has no metadata'), ('{', 'are no JSON'), ('[]', 'lack'),
                              (lacking, r"lack \['dictionary'\]"), (newer, 'has the format 2')]:
        path = toy_file(tmp_path / 'wrong.onnx', [0], [1.0], metadata)
        with pytest.raises(ValueError, match=message):
            ONNXRecognizer(path)
    with pytest.raises(ValueError, match='threads must be a whole number from 1'):
        ONNXRecognizer(toy, threads=0)
    for options, message in ((dict(return_glyph_maps=True), 'gives no glyph maps'),
                             (dict(batch_size=0), 'batch_size must be a whole number from 1')):
        with pytest.raises(ValueError, match=message):
            ONNXRecognizer(toy)(image(), **options)
    with pytest.raises(ValueError, match="'rotate' is unknown"):
        prepared(image(), [dict(type='rotate')])


@pytest.mark.parametrize('shape', [(5, 9), (32, 128), (31, 400), (200, 40), (1, 1)])
@pytest.mark.parametrize('transforms, steps', [
    ([dict(type='Resize', scale=(128, 32), keep_ratio=False, interpolation='bicubic')],
     [dict(type='resize', width=128, height=32, interpolation='bicubic')]),
    ([dict(type='RescaleToHeight', height=32, min_width=16, max_width=100, width_divisor=4),
      dict(type='PadToWidth', width=100, pad_cfg=dict(type='Pad', pad_val=7))],
     [dict(type='rescale_to_height', height=32, min_width=16, max_width=100, width_divisor=4,
           interpolation='bilinear'), dict(type='pad_to_width', width=100, value=[7, 7, 7])]),
])
def test_pictures_are_prepared_as_in_the_test_pipeline(shape, transforms, steps):
    picture = image(*shape)
    with DefaultScope.overwrite_default_scope('mmocr'):
        expected = Compose([dict(type='EnsureBGR'), *transforms])(dict(img=picture.copy()))
    got = prepared(picture, steps)
    assert np.array_equal(got.image, expected['img'])
    assert got.valid_ratio == expected.get('valid_ratio', 1.0)


def test_command_line(toy, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'a.png'), image())
    assert main([str(toy), str(tmp_path / 'a.png')]) == 0
    assert capsys.readouterr().out == f'ba\t0.0900\t{tmp_path / "a.png"}\n'
    assert main([str(toy), 'missing.png']) == 1
    assert 'cannot use missing.png' in capsys.readouterr().err
    assert main([]) == 2


ALONE = '''
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {packages}:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)

sys.meta_path.insert(0, Missing())
from mmocr_siga.apis import ONNXRecognizer
print(ONNXRecognizer(sys.argv[1])(sys.argv[2])[0]['text'])
import mmocr_siga
for owner, name in ((mmocr_siga, 'models'), (mmocr_siga.apis, 'SIGAInferencer')):
    try:
        getattr(owner, name)
    except ImportError as error:
        print(repr(str(error)))
print([name for name in sys.modules if name.split('.')[0] in {packages}])
'''


@pytest.mark.parametrize('packages', [
    ('torch', 'torchvision', 'mmocr', 'mmengine', 'mmcv', 'mmdet', 'PIL'), ('mmocr', )])
def test_it_reads_where_the_frameworks_are_missing(toy, tmp_path, packages):
    cv2.imwrite(str(tmp_path / 'a.png'), image())
    result = subprocess.run(
        [sys.executable, '-c', ALONE.format(packages=packages), str(toy),
         str(tmp_path / 'a.png')],
        env={**os.environ, 'PYTHONPATH': str(REPO)}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    text, *messages, modules = result.stdout.splitlines()
    assert (text, modules) == ('ba', '[]')
    for name, message in zip(('models', 'apis.SIGAInferencer'), messages):
        assert f'mmocr_siga.{name} needs PyTorch and MMOCR' in message and packages[0] in message
