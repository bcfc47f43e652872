"""tools/data/to_lmdb.py and from_lmdb.py, run in this process."""
import json
import os

import numpy as np
import pytest

from mmocr_siga.datasets.formats.records import read_lmdb
from mmocr_siga.images import encode_picture as encode
from tests.helpers.ending import ended
from tests.helpers.word_sets import put_lmdb, write_tsv
from tools.data import from_lmdb as unpack
from tools.data import to_lmdb as pack

pytest.importorskip('lmdb')
SUFFIXES = ['.jpg', '.png', '.jpg', '.png', '.jpg']
WORDS = ['Kiwi', 'na\u00efve', '\u5b57', 'a b', '"q"']


def picture(seed, suffix='.jpg'):
    return encode(np.random.default_rng(seed).integers(0, 256, (12, 30, 3), np.uint8), suffix)


@pytest.fixture
def table(tmp_path):
    """A table of five words, and six rows that cannot be used."""
    images = tmp_path / 'words' / 'images'
    images.mkdir(parents=True)
    for i, suffix in enumerate(SUFFIXES):
        (images / f'{i}{suffix}').write_bytes(picture(i, suffix))
    for name, data in (('text', b'no image'), ('empty', b''), ('half', picture(0)[:-100])):
        (images / f'{name}.jpg').write_bytes(data)
    rows = [f'images/{i}{s}\t{w}' for i, (s, w) in enumerate(zip(SUFFIXES, WORDS))]
    rows[2:2] = ['images/text.jpg\tx', 'images/empty.jpg\ty', 'images/half.jpg\tz',
                 'images/gone.jpg\tw', 'images/0.jpg\t', 'no tab']
    path = tmp_path / 'words' / 'train.tsv'
    path.write_text('\n'.join(rows) + '\n', encoding='utf-8')
    return path


def words_of(path):
    return [(r.text, r.load()) for r in read_lmdb(str(path))]


EXPECTED = [(word, picture(i, s)) for i, (s, word) in enumerate(zip(SUFFIXES, WORDS))]


def test_a_table_becomes_a_database(table, tmp_path, capsys):
    assert pack.main([str(table), str(tmp_path / 'db')]) == 0
    out = capsys.readouterr().out
    assert words_of(tmp_path / 'db') == EXPECTED
    summary = json.loads((tmp_path / 'db' / 'summary.json').read_text())
    assert summary['samples'] == 5 and sum(summary['left_out'].values()) == 6
    assert summary['checksum'] in out and '5 words' in out
    listed = dict(line.split('\t') for line in (
        tmp_path / 'db.skipped.tsv').read_text().splitlines())
    assert listed == {
        'images/text.jpg': 'is not an image', 'images/empty.jpg': 'has no bytes',
        'images/half.jpg': 'is cut off', 'images/gone.jpg': 'is missing',
        'images/0.jpg': 'has an empty label', 'line 8': 'has no tab between a path and a label'}


@pytest.mark.parametrize('form', ['json', 'tsv', 'folder'])
def test_there_and_back(table, tmp_path, capsys, form):
    assert pack.main([str(table), str(tmp_path / 'db')]) == 0
    assert unpack.main([str(tmp_path / 'db'), str(tmp_path / 'out'), '--format', form]) == 0
    source = {'json': 'textrecog_train.json', 'tsv': 'train.tsv', 'folder': 'images'}[form]
    assert pack.main([str(tmp_path / 'out' / source), str(tmp_path / 'db2')]) == 0
    assert words_of(tmp_path / 'db2') == EXPECTED
    sums = {json.loads((tmp_path / name / 'summary.json').read_text())['checksum']
            for name in ('db', 'db2', 'out')}
    assert len(sums) == 1
    assert not (tmp_path / 'out.skipped.tsv').exists() and not list(tmp_path.rglob('*.partial'))
    suffixes = [p.suffix for p in sorted((tmp_path / 'out' / 'images').rglob('*_*'))
                if p.suffix != '.txt']
    assert suffixes == SUFFIXES


def test_choosing_words_as_the_smaller_benchmark_sets_do(tmp_path):
    labels = ['One', 'two words', "it's", 'no', 'caf\u00e9', '123']
    write_tsv(tmp_path / 'words.tsv', labels)
    assert pack.main([str(tmp_path / 'words.tsv'), str(tmp_path / 'a'), '--alphanumeric']) == 0
    assert [word for word, _ in words_of(tmp_path / 'a')] == ['One', 'no', '123']
    assert unpack.main([str(tmp_path / 'a'), str(tmp_path / 'b'), '--split', 'test',
                        '--min-length', '3']) == 0
    words = json.loads((tmp_path / 'b' / 'textrecog_test.json').read_text())['data_list']
    assert [word['instances'][0]['text'] for word in words] == ['One', '123']
    assert 'is shorter than 3 characters' in (tmp_path / 'b.skipped.tsv').read_text()
    assert ended(pack.main, [str(tmp_path / 'a'), str(tmp_path / 'c'), '--min-length', '9']) == 2
    assert not (tmp_path / 'c').exists()


def test_broken_entries_are_listed(tmp_path):
    path = put_lmdb(tmp_path / 'db', {
        'num-samples': b'4', 'image-000000001': picture(1), 'label-000000001': b'ok',
        'image-000000002': picture(2), 'label-000000002': b'caf\xe9', 'label-000000003': b'e',
        'image-000000004': picture(7), 'label-000000004': b'a\tb',
        'mask-000000001': b'm', 'boxes-000000001': b'1,2,3,4;5,6,7,8'})
    assert unpack.main([str(path), str(tmp_path / 'o'), '--format', 'tsv']) == 0
    assert (tmp_path / 'o.skipped.tsv').read_text().splitlines() == [
        'image-000000002\thas a label that is not UTF-8; save the file as UTF-8',
        'image-000000003\tis missing',
        'image-000000004\thas a label with a tab or a line break']
    assert (tmp_path / 'o' / 'masks/00000/train_0000001.png').read_bytes() == b'm'
    assert (tmp_path / 'o' / 'train_char_boxes.tsv').read_text().endswith('\tok\t1,2,3,4;5,6,7,8\n')
    # JSON can hold a tab.
    assert unpack.main([str(path), str(tmp_path / 'j')]) == 0
    data = json.loads((tmp_path / 'j' / 'textrecog_train.json').read_text())['data_list']
    assert [d['instances'][0]['text'] for d in data] == ['ok', 'a\tb']


def test_clear_messages(table, tmp_path, capsys):
    def message(tool, *args):
        assert ended(tool.main, [str(a) for a in args]) == 2
        assert not list(tmp_path.glob('*.partial'))
        return capsys.readouterr().err

    (tmp_path / 'file').write_text('')
    (tmp_path / 'a.xml').write_text('')
    put_lmdb(tmp_path / 'e', {'num-samples': b'1', 'label-000000001': b'a'})
    put_lmdb(tmp_path / 'n', {'a': b'1'})
    (tmp_path / 'no.tsv').write_text('a.png\tb\n')
    for words, tool, source, out in (
            ('does not exist', pack, 'gone.tsv', 'db'), ('no word of', pack, 'no.tsv', 'db'),
            ('cannot tell the format', pack, 'a.xml', 'db'), ('is a file', pack, table, 'file'),
            ('file', unpack, 'e', 'file/o'), ('no word of', unpack, 'e', 'o'),
            ('num-samples is None', unpack, 'n', 'o'), ('no LMDB database', unpack, 'none', 'o')):
        assert words in message(tool, tmp_path / source, tmp_path / out)
    assert not (tmp_path / 'db').exists() and not (tmp_path / 'o').exists()
    os.truncate(tmp_path / 'e' / 'data.mdb', 9000)
    assert 'cut off' in message(unpack, tmp_path / 'e', tmp_path / 'o')


@pytest.mark.parametrize('error', [OSError(28, 'No space left on device'), KeyboardInterrupt()])
def test_what_stops_the_tools_leaves_nothing(table, tmp_path, monkeypatch, capsys, error):
    assert pack.main([str(table), str(tmp_path / 'db')]) == 0
    before = sorted(p.name for p in tmp_path.iterdir())

    def stop(self, *args):
        if self.count == 3:
            raise error
        add(self, *args)

    for tool, kind, source in ((pack, 'LmdbWriter', table), (unpack, 'FolderWriter', 'db')):
        writer = getattr(tool, kind)
        add = writer.add
        monkeypatch.setattr(writer, 'add', stop)
        assert ended(tool.main, [str(tmp_path / source), str(tmp_path / 'new')]) in (2, 130)
        monkeypatch.undo()
        (tmp_path / 'new.skipped.tsv').unlink(missing_ok=True)
        assert sorted(p.name for p in tmp_path.iterdir()) == before


def test_what_is_read_back_must_be_what_was_written(table, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pack, 'read_lmdb', lambda path: list(read_lmdb(path))[:-1])
    assert ended(pack.main, [str(table), str(tmp_path / 'db')]) == 2
    assert 'differs when it is read back: 4 words' in capsys.readouterr().err
    assert not (tmp_path / 'db').exists()
