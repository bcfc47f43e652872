import pytest
from mmocr.registry import TASK_UTILS

from mmocr_siga.datasets import TSVLabelParser


@pytest.mark.parametrize('line, path, text', [
    ('images/a b.png\tGenaxis Theatre', 'images/a b.png', 'Genaxis Theatre'),
    ('a.png\t  both ends  ', 'a.png', '  both ends  '),
    ("a.png\t(412\"), it's \\t", 'a.png', "(412\"), it's \\t"),
    ('\ufeffa.png\tword\r\n', 'a.png', 'word'), ('a.png\tword\tenglish\t12', 'a.png', 'word'),
    ('a.png\t', 'a.png', ''), ('a.png\t\tsecond', 'a.png', ''),
    ('a.png\t\u00e9t\u00e9 \u00a0', 'a.png', '\u00e9t\u00e9 \u00a0'),
    (' a.png \tword', 'a.png', 'word')])
def test_lines(line, path, text):
    assert TASK_UTILS.build(dict(type='TSVLabelParser'))(line) == dict(filename=path, text=text)


@pytest.mark.parametrize('line', ['', 'a.png', 'a.png word', '\tword', ' \tword', '\ufeff'])
def test_lines_without_two_columns_are_shown(line):
    with pytest.raises(ValueError, match='path<tab>transcription') as error:
        TSVLabelParser()(line)
    assert repr(line) in str(error.value)
