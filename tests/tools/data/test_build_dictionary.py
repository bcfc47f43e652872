"""tools/data/build_dictionary.py, run in this process."""
from collections import Counter

import pytest

from mmocr_siga.text.dictionary import WordDictionary
from tests.helpers.ending import ended
from tests.helpers.word_sets import write_lmdb
from tools.data import build_dictionary as tool


@pytest.fixture
def table(tmp_path):
    path = tmp_path / 'a.tsv'
    path.write_bytes('1.png\tBaa\n2.png\t\u00e4 b\n3.png\t\n4.png\n'.encode() + b'5.png\t\xff\n')
    return path


def characters(path):
    return path.read_bytes().decode().split('\n')[:-1]


def test_a_dictionary_from_labels(table, tmp_path, capsys):
    out = tmp_path / 'new' / 'dict.txt'
    counts = tmp_path / 'counts.tsv'
    assert tool.main([str(table), '--out', str(out), '--counts', str(counts)]) == 0
    assert characters(out) == [' ', 'B', 'a', 'b', '\u00e4']
    assert WordDictionary(dict_file=str(out)).num_classes == 5
    rows = [line.split('\t') for line in counts.read_text(encoding='utf-8').splitlines()]
    assert rows[0] == ['a', 'U+0061', '2', 'LATIN SMALL LETTER A']
    assert {r[0]: int(r[2]) for r in rows} == {'a': 2, 'B': 1, 'b': 1, ' ': 1, '\u00e4': 1}
    report = capsys.readouterr().out
    assert '5 labels, 6 characters, 5 different ones' in report and 'by length: 3: 2' in report
    for problem in ('1, each of which has an empty label, e.g. 3.png',
                    '1, each of which is not UTF-8; save the file as UTF-8, e.g. line 5 (5.png)',
                    '1, each of which has no tab between a path and a label, e.g. line 4'):
        assert problem in report


def test_order_case_base_and_rare_characters(table, tmp_path):
    out = tmp_path / 'dict.txt'
    for options, expected in (
            ('--letter-case lower --order count', 'ab \u00e4'),
            ('--letter-case upper --min-count 2', 'AB'),
            ('--base lower_english_digits.txt', '0123456789abcdefghijklmnopqrstuvwxyz B\u00e4')):
        assert tool.main([str(table), '--out', str(out), *options.split()]) == 0
        assert ''.join(characters(out)) == expected
    # Equally frequent ones keep the order of the alphabet.
    counts = Counter({'b': 2, 'a': 2, 'c': 3})
    assert tool.order_characters(counts, 1, 'count', '') == ['c', 'a', 'b']


def test_a_check(table, tmp_path, capsys):
    assert tool.main([str(table), '--check', 'lower_english_digits.txt', '--max-length', '2']) == 1
    report = capsys.readouterr().out
    for line in ("unknown 'B' U+0042 LATIN CAPITAL LETTER B: 1 times, e.g. 1.png 'Baa'",
                 "unknown '\u00e4' U+00E4", "unknown ' ' U+0020 SPACE",
                 "2, each of which has unknown characters, e.g. 1.png 'Baa', 2.png '\u00e4 b'",
                 '2, each of which has a label longer than 2 characters',
                 'each of which has an empty label', 'each of which is not UTF-8'):
        assert line in report
    (tmp_path / 'good.tsv').write_text('1.png\tAB1\n')
    assert tool.main([str(tmp_path / 'good.tsv'), '--check', 'lower_english_digits.txt',
                      '--letter-case', 'lower']) == 0
    assert 'all labels can be used' in capsys.readouterr().out


def test_databases(tmp_path, capsys):
    pytest.importorskip('lmdb')
    write_lmdb(tmp_path / 'db', ['ab', '', None])
    assert tool.main([str(tmp_path / 'db'), '--out', str(tmp_path / 'dict.txt')]) == 0
    assert characters(tmp_path / 'dict.txt') == ['a', 'b']
    report = capsys.readouterr().out
    for told in ('3 labels, 2 characters', 'has an empty label, e.g. label-000000002',
                 'has no label, e.g. label-000000003'):
        assert told in report


def test_clear_messages(table, tmp_path, capsys):
    def message(*args):
        assert ended(tool.main, [str(a) for a in args]) == 2
        return capsys.readouterr().err

    (tmp_path / 'file').write_text('')
    (tmp_path / 'empty.tsv').write_text('')
    assert 'gone' in message(tmp_path / 'gone.tsv', '--out', tmp_path / 'd')
    assert 'no dictionary at' in message(table, '--check', 'none.txt')
    assert 'nothing to write' in message(tmp_path / 'empty.tsv', '--out', tmp_path / 'd')
    assert 'file' in message(table, '--out', tmp_path / 'file' / 'd')
    for wrong in ([], ['--out', 'a', '--check', 'b']):
        with pytest.raises(SystemExit):
            tool.main([str(table), *wrong])
