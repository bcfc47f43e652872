"""tools/benchmarks/packaged.py."""
import json
import sys
from types import SimpleNamespace

import packaged
import pytest

from tests.helpers.readers import packed_reader, reader_files

pytest.importorskip('onnx')


def test_a_run(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    model = packed_reader(tmp_path, *reader_files(tmp_path))
    commands = []
    monkeypatch.setattr(packaged, 'subprocess', SimpleNamespace(
        run=lambda command, **options: commands.append(command)))
    assert packaged.main([
        '--model', str(model.config), '--readers', 'onnx', 'torch', '--batch', '1', '2', '--words',
        '5', '--repeats', '3', '--starts', '2', '--json', str(tmp_path / 'out.json')]) == 0
    content = json.loads((tmp_path / 'out.json').read_text())
    for size in ('1', '2'):
        speeds = content['images_per_s'][size]
        assert list(speeds) == ['onnx', 'torch']
        assert all(len(values) == 3 and min(values) > 0 for values in speeds.values())
    out = capsys.readouterr().out
    lines = out[out.index('python '):].splitlines()
    assert lines[0].endswith(f'model {model.config}')
    assert '5 words drawn' in lines[0] and 'times torch (quartiles)' in lines[2]
    assert [line.split(' | ')[0] for line in lines[4:]] == ['| onnx', '| torch']
    assert ' | 1.00 (1.00-1.00) | ' in lines[5]
    # Started in turns: onnxruntime first, then PyTorch first.
    assert [command[0] for command in commands] == [sys.executable] * 4
    assert [command[-1] == 'torch' for command in commands] == [False, True, True, False]


def test_rapidocr_reads_the_same_pictures(siga_data, monkeypatch):
    pytest.importorskip('rapidocr')
    monkeypatch.setenv('SIGA_DATA', str(siga_data))
    words, _ = packaged.common.find_words(4)
    pictures = [packaged.cv2.imread(word.path) for word in words]
    read = packaged.by_rapidocr(SimpleNamespace(threads=1))
    for size in (1, 4):  # padded with others it may read otherwise
        right = [text == word.text for text, word in zip(read(pictures, size).txts, words)]
        assert len(right) == 4 and sum(right) >= 2
