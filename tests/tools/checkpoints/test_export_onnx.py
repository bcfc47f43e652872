import cv2
import numpy as np
import pytest
import torch
from mmocr.registry import MODELS

from tests.helpers.words import tiny_model

pytest.importorskip('onnx', reason='the package onnx is not installed')
pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')


@pytest.fixture(scope='module')
def tool(script):
    return script('checkpoints/export_onnx')


@pytest.fixture
def files(tmp_path):
    """A config, a checkpoint and a folder of words."""
    pipeline = [dict(type='LoadImageFromFile'), dict(type='EnsureBGR'),
                dict(type='Resize', scale=(64, 32), keep_ratio=False),
                dict(type='PackTextRecogInputs', meta_keys=('img_path', 'img_shape',
                                                            'valid_ratio'))]
    (tmp_path / 'toy.py').write_text(
        "default_scope = 'mmocr'\ncustom_imports = dict(imports=['mmocr_siga'])\n"
        f'model = {tiny_model()!r}\n'
        f'test_dataloader = dict(dataset=dict(pipeline={pipeline!r}))\n')
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(tiny_model()).state_dict()), tmp_path / 'toy.pth')
    (tmp_path / 'words').mkdir()
    rng = np.random.default_rng(0)
    for i in range(3):
        cv2.imwrite(str(tmp_path / 'words' / f'{i}.png'),
                    rng.integers(0, 256, (20, 50 + i, 3), dtype=np.uint8))
    return [str(tmp_path / name) for name in ('toy.py', 'toy.pth', 'toy.onnx')]


def test_export_and_check(tool, files, tmp_path, capsys):
    code = tool.main([*files, '--int8', str(tmp_path / 'int8.onnx'), '--glyph-maps', '--check',
                      str(tmp_path / 'words'), '--threads', '1'])
    out = capsys.readouterr().out
    assert code == 0
    assert 'toy.onnx: toy (SIGADecoder)' in out and 'opset 17' in out
    assert 'float    3 of 3 as PyTorch, scores within' in out
    assert 'int8     ' in out and (tmp_path / 'int8.onnx').is_file()


def test_differences_are_an_error(tool, files, tmp_path, capsys, monkeypatch):
    class Other(tool.ONNXRecognizer):
        def __call__(self, *args):
            return [dict(word, text='x' + word['text']) for word in super().__call__(*args)]

    monkeypatch.setattr(tool, 'ONNXRecognizer', Other)
    assert tool.main([*files, '--check', str(tmp_path / 'words')]) == 1
    assert 'reads otherwise than PyTorch' in capsys.readouterr().err


def test_compare_counts_what_is_alike(tool):
    expected = [tool.WordInferencer.__call__.__globals__['WordResult'](text=t, char_scores=s)
                for t, s in (('ab', [0.5, 0.75]), ('c', [0.9]), ('d', [1.0]))]
    got = [dict(text='ab', char_scores=[0.5, 0.625]), dict(text='x', char_scores=[0.1]),
           dict(text='d', char_scores=[1.0])]
    found = tool.compare(expected, got, 2.0, ['AB!', 'c', 'D'], '36')
    assert (found.same, found.words, found.difference, found.right) == (2, 3, 0.125, 2)
    assert found.line('int8') == ('int8       66.7% right, 2 of 3 as PyTorch, scores within '
                                  '1.2e-01, 1.5 words/s')


@pytest.mark.parametrize('arguments, message', [
    (['missing.py', '{1}', '{2}'], 'no config'),
    (['{0}', 'missing.pth', '{2}'], "no weights at 'missing.pth'"),
    (['{0}', '{1}', 'missing/toy.onnx'], 'no folder'),
    (['{0}', '{1}', '{2}', '--opset', '9'], 'opset must be'),
    (['{0}', '{1}', '{2}', '--int8', '{2}'], '--int8 and the float file are both'),
    (['{0}', '{1}', '{2}', '--check', 'missing.png'], 'missing.png'),
])
def test_what_is_wrong_is_said(tool, files, capsys, arguments, message):
    assert tool.main([a.format(*files) for a in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith('export_onnx: ') and message in error
