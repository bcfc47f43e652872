"""tools/benchmarks/against_ppocr.py, with readers that answer from a list."""
import sys
from types import ModuleType, SimpleNamespace

import against_ppocr as tool
import pytest

from mmocr_siga.models.utils import ppocr_v6
from tests.helpers.readers import reader_files, write_pictures


@pytest.fixture
def words(tmp_path):
    """Four words, one of them without a picture, and a faulty line."""
    pictures = sorted(write_pictures(tmp_path / 'mine', 3).iterdir())
    lines = [f'{picture.name}\t{text}' for picture, text in zip(pictures, ('One', 'two', "thr'ee"))]
    (tmp_path / 'mine' / 'val.tsv').write_text('\n'.join([*lines, 'gone.png\tfour', 'broken']))
    return tmp_path / 'mine' / 'val.tsv'


def rapidocr(monkeypatch, answer):
    """A package of that name."""
    module = ModuleType('rapidocr')
    module.RapidOCR = lambda params: answer
    monkeypatch.setitem(sys.modules, 'rapidocr', module)
    monkeypatch.setattr(tool, 'model_file', lambda model: b'')
    monkeypatch.setattr(tool.importlib.metadata, 'version', lambda name: '3.10.0')


def test_beside_ppocr(words, tmp_path, monkeypatch, capsys):
    answers = iter([('one', ), ValueError('a bad word'), ('THREE', )])

    def answer(content, use_det, use_cls):
        assert isinstance(content, bytes) and not use_det and not use_cls
        found = next(answers)
        if isinstance(found, Exception):
            raise found
        return SimpleNamespace(txts=found)

    rapidocr(monkeypatch, answer)
    config, weights = reader_files(tmp_path)
    tool.main([f'own={config}', '--weights', f'own={weights}', '--sets', f'mine={words}'])
    out, err = capsys.readouterr()
    rows = [[cell.strip() for cell in line.split('|')] for line in out.splitlines()
            if line.startswith('|')]
    assert rows[0][1:5] == ['set', 'words', 'PP-OCRv6', 'own']
    assert rows[2][1:4] == ['mine', '4', '50.0']
    assert '1 of 5 words left out: line 5 has no tab' in err
    assert 'PP-OCRv6: ValueError: a bad word' in err
    assert 'gone.png: PP-OCRv6: FileNotFoundError' in err and 'gone.png: own: ' in err


def test_totals():
    sets = [tool.WordSet('SVT', [None] * 40, True), tool.WordSet('IC15', [None] * 60, True),
            tool.WordSet('wire', [None] * 100, False)]
    table = tool.accuracy_table(sets, {'A': [40, 30, 10], 'B': [0, 60, 100]})
    rows = [[cell.strip() for cell in line.split('|')[1:-1]] for line in table.splitlines()]
    assert rows[2:] == [
        ['SVT', '40', '100.0', '0.0'], ['IC15', '60', '50.0', '100.0'],
        ['wire', '100', '10.0', '100.0'], ['**scenes and plates**', '100', '70.0', '60.0'],
        ['**all**', '200', '40.0', '80.0']]


def test_bad_options(tmp_path, monkeypatch):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    with pytest.raises(ValueError, match="no set 'SVTP'.*wire_marks"):
        tool.find_sets(['SVTP'])
    with pytest.raises(FileNotFoundError, match='svt_train/val.tsv'):
        tool.find_sets(['svt'])
    (tmp_path / 'empty.tsv').touch()
    with pytest.raises(ValueError, match='empty.tsv has no words'):
        tool.find_sets([f'x={tmp_path / "empty.tsv"}'])


def test_a_wheel_that_cannot_be_used(monkeypatch):
    monkeypatch.setattr(ppocr_v6.importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match="pip install 'rapidocr==3.10.0'"):
        tool.ppocr_reader()
    rapidocr(monkeypatch, None)
    monkeypatch.setitem(sys.modules, 'rapidocr', None)
    with pytest.raises(ImportError, match=r"lacks what it needs.*pip install '.\[trunks\]'"):
        tool.ppocr_reader()
