import copy
import pickle

import numpy as np
import pytest

from mmocr_siga.datasets.wrappers import label_index
from mmocr_siga.datasets.wrappers.label_index import LabelIndex, load_index

LABELS = [b'cat', 'na\u00efve'.encode(), b'', None, b'\xff\xfe', '\u5b57'.encode(), b'A-b',
          b'x' * 30]


@pytest.fixture
def index():
    return LabelIndex.build(LABELS)


def test_labels(index):
    assert len(index) == 8
    assert [index[i] for i in range(8)] == ['cat', 'na\u00efve', '', None, None, '\u5b57', 'A-b',
                                            'x' * 30]
    assert index.state.tolist() == [0, 0, 0, 1, 2, 0, 0, 0]


def reasons(selection):
    return {why: hits.tolist() for why, hits in selection.reasons.items()}


def test_selection_by_length_counts_characters_not_bytes(index):
    chosen = index.select(min_length=1, max_length=5)
    assert np.flatnonzero(chosen.kept).tolist() == [0, 1, 5, 6]
    assert reasons(chosen) == {'are missing': [3], 'are not UTF-8': [4], 'are empty': [2],
                               'are longer than 5 characters': [7]}
    assert reasons(index.select(min_length=4))['are shorter than 4 characters'] == [0, 2, 5, 6]


@pytest.mark.parametrize('case, kept', [('unchanged', [0, 2, 7]), ('lower', [0, 2, 6, 7]),
                                        ('upper', [2])])
def test_selection_by_characters(index, case, kept):
    chosen = index.select(characters='abctx-', letter_case=case)
    assert np.flatnonzero(chosen.kept).tolist() == kept


def test_selection_by_characters_beyond_ascii(index):
    chosen = index.select(characters='na\u00efve\u5b57')
    assert np.flatnonzero(chosen.kept).tolist() == [1, 2, 5]
    with pytest.raises(ValueError, match='letter_case'):
        index.select(characters='a', letter_case='title')


@pytest.mark.parametrize('case', ['lower', 'unchanged'])
def test_selection_agrees_with_a_loop_over_blocks(monkeypatch, case):
    monkeypatch.setattr(label_index, '_BLOCK', 7)
    rng = np.random.default_rng(0)
    letters = list('abC\u00c4\u00e4\u5b57')
    texts = [''.join(rng.choice(letters, rng.integers(0, 6))) for _ in range(100)]
    found = LabelIndex.build(t.encode() for t in texts)
    assert [found[i] for i in range(100)] == texts
    kept = found.select(2, 4, 'abc\u00e4', case).kept
    view = str.lower if case == 'lower' else str
    assert kept.tolist() == [2 <= len(t) <= 4 and set(view(t)) <= set('abc\u00e4') for t in texts]


def test_files_are_mapped_and_shared(index, tmp_path):
    index.save(tmp_path / 'new' / 'labels', {'v': 1})
    mapped = load_index('db', {'v': 1}, LABELS, 8, str(tmp_path))
    # Another name: made anew, and next time mapped.
    assert isinstance(mapped.text, np.memmap)
    assert [mapped[i] for i in range(8)] == [index[i] for i in range(8)]
    assert copy.deepcopy(mapped) is mapped
    sent = pickle.dumps(mapped)
    assert len(sent) < 500
    assert pickle.loads(sent)[1] == 'na\u00efve'
    assert pickle.loads(pickle.dumps(index))[1] == 'na\u00efve'
    assert not mapped.text.flags.writeable


def forbidden():
    raise AssertionError('read again')
    yield


def test_the_cache_is_used_until_the_version_changes(tmp_path):
    cache = str(tmp_path)
    load_index('db', {'v': 1}, LABELS, 8, cache)
    assert load_index('db', {'v': 1}, forbidden(), 8, cache)[0] == 'cat'
    assert load_index('db', {'v': 2}, [b'new'], 1, cache)[0] == 'new'
    assert load_index('db', {'v': 2}, forbidden(), 1, cache)[0] == 'new'
    assert load_index('other', {'v': 2}, [b'else'], 1, cache)[0] == 'else'
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize('spoil', [lambda d: d[:-3], lambda d: b'', lambda d: b'{"magic": 1}' + d,
                                   lambda d: d + b'x'])
def test_a_damaged_cache_is_made_again(tmp_path, spoil):
    load_index('db', {'v': 1}, LABELS, 8, str(tmp_path))
    file, = tmp_path.iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    assert load_index('db', {'v': 1}, LABELS, 8, str(tmp_path))[1] == 'na\u00efve'


def test_small_and_forbidden_caches_leave_no_file(tmp_path, monkeypatch):
    (tmp_path / 'db').mkdir()
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    database = str(tmp_path / 'db')
    assert load_index(database, {}, LABELS, 8).file is None
    assert load_index(database, {}, LABELS, 8, False, least=1).file is None
    assert not list((tmp_path / 'db').iterdir())
    assert load_index(database, {}, LABELS, 8, least=1).file == str(
        (tmp_path / 'db' / 'words.labels').resolve())


def test_a_place_that_cannot_be_written_is_no_hindrance(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    (tmp_path / 'file').write_text('')
    found = load_index(str(tmp_path / 'file' / 'db.mdb'), {}, LABELS, 8, least=1)
    assert found.file.startswith(str(tmp_path / 'cache')) and found[0] == 'cat'
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    assert load_index(str(tmp_path / 'file' / 'x.mdb'), {}, LABELS, 8, least=1)[0] == 'cat'
