import pytest

from tests.helpers.ending import ended
from tests.helpers.readers import reader_files, write_pictures
from tools.checkpoints import export_onnx as tool

pytest.importorskip('onnx', reason='the package onnx is not installed')
pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')


@pytest.fixture
def files(tmp_path):
    """A config, a checkpoint, the file to write, and a folder of words."""
    write_pictures(tmp_path / 'words', 3)
    return [*map(str, reader_files(tmp_path)), str(tmp_path / 'toy.onnx')]


def test_export_and_check(files, tmp_path, capsys):
    code = tool.main([*files, '--int8', str(tmp_path / 'int8.onnx'), '--glyph-maps', '--check',
                      str(tmp_path / 'words'), '--threads', '1'])
    out = capsys.readouterr().out
    assert code == 0
    assert 'toy.onnx: reader (SIGADecoder)' in out and 'opset 17' in out
    assert 'float    3 of 3 as PyTorch, scores within' in out
    assert 'int8     ' in out and (tmp_path / 'int8.onnx').is_file()


def test_differences_are_an_error(files, tmp_path, capsys, monkeypatch):
    class Other(tool.ONNXRecognizer):
        def __call__(self, *args):
            return [dict(word, text='x' + word['text']) for word in super().__call__(*args)]

    monkeypatch.setattr(tool, 'ONNXRecognizer', Other)
    assert tool.main([*files, '--check', str(tmp_path / 'words')]) == 1
    assert 'reads otherwise than PyTorch' in capsys.readouterr().err


def test_compare_counts_what_is_alike():
    expected = [tool.WordResult(text=t, char_scores=s)
                for t, s in (('ab', [0.5, 0.75]), ('c', [0.9]), ('d', [1.0]))]
    got = [dict(text='ab', char_scores=[0.5, 0.625]), dict(text='x', char_scores=[0.1]),
           dict(text='d', char_scores=[1.0])]
    assert tool.compare(expected, got) == (2, 3, 0.125)


@pytest.mark.parametrize('arguments, message', [
    (['missing.py', '{1}', '{2}'], 'no config'),
    (['{0}', 'missing.pth', '{2}'], "no weights at 'missing.pth'"),
    (['{0}', '{1}', 'missing/toy.onnx'], 'cannot write missing/toy.onnx'),
    (['{0}', '{1}', '{2}', '--opset', '9'], 'opset must be'),
    (['{0}', '{1}', '{2}', '--int8', '{2}'], '--int8 and the float file are both'),
    (['{0}', '{1}', '{2}', '--check', 'missing.png'], 'missing.png'),
])
def test_what_is_wrong_is_said(files, capsys, arguments, message):
    assert ended(tool.main, [a.format(*files) for a in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith('export_onnx: ') and message in error
