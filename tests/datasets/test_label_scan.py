import multiprocessing

import numpy as np
import pytest

from mmocr_siga.datasets import label_scan
from mmocr_siga.datasets.label_scan import LabelReport, cached_scan, scan_labels
from mmocr_siga.text.label_rule import Verdict

RULE, VERSION = dict(longest=3), dict(transaction=1)


def judge(text):
    if len(text) > 3:
        return Verdict('', 'is long', False)
    return Verdict(text.strip('-'), None, '-' in text)


def scan(labels=('a', 'b-', None, 'word', 'word', 'word', 'word', 'c')):
    labels = [(label, 'is missing' * (label is None)) for label in labels]
    return scan_labels('db', labels, len(labels), judge, lambda i: f'no {i}')


def cached(folder, make=scan, rule=RULE, version=VERSION, database='db'):
    return cached_scan(database, rule, version, folder if folder is None else str(folder), 8, make)


def forbidden():
    raise AssertionError('scanned again')


def test_what_is_kept_and_what_is_told():
    kept, report = scan()
    assert kept.tolist() == [0, 1, 7]
    assert report == LabelReport(
        'db', 8, 3, 1, ["no 1 'b-' -> 'b'"], 1, {'is missing': 1, 'is long': 4},
        {'is missing': ['no 2'], 'is long': [f"no {i} 'word'" for i in (3, 4, 5)]})
    assert report.lines() == [
        'db: 8 words, 3 kept',
        "  1 kept without their unknown signs or accents, e.g. no 1 'b-' -> 'b'",
        '  1 skipped, each of which is missing, e.g. no 2',
        "  4 skipped, each of which is long, e.g. no 3 'word', no 4 'word', no 5 'word'"]


def test_long_scans_are_announced(monkeypatch, capsys):
    logged = []
    monkeypatch.setattr(label_scan, 'print_log', lambda text, logger: logged.append(text))
    scan()
    monkeypatch.setattr(label_scan, 'LARGE', 8)
    scan()
    assert logged == ['Reading the 8 labels of db'] and capsys.readouterr().err == ''


def test_a_file_is_used_until_data_or_rule_change(tmp_path):
    made = cached(tmp_path)
    found = cached(tmp_path, forbidden)
    np.testing.assert_array_equal(found[0], made[0])
    assert found[1] == made[1] == scan()[1]

    def other():
        return scan(['x'])

    # Each rule and each database has a file; a new version takes the place of the old one.
    for changed, files in ((dict(rule=dict(longest=4)), 2), (dict(database='db2'), 3),
                           (dict(version=dict(transaction=2)), 3)):
        assert cached(tmp_path, other, **changed)[0].tolist() == [0]
        assert cached(tmp_path, forbidden, **changed)[1].total == 1
        assert len(list(tmp_path.iterdir())) == files
    with pytest.raises(AssertionError, match='scanned again'):
        cached(tmp_path, forbidden)


def test_a_damaged_file_is_made_again(tmp_path):
    cached(tmp_path)
    file, = tmp_path.iterdir()
    whole = file.read_bytes()
    flipped = [bytes([*whole[:i], whole[i] ^ 1 << i % 8, *whole[i + 1:]])
               for i in range(len(whole))]
    for damaged in (*flipped, whole[:-3], whole[:len(whole) // 2], b'', whole + b'x'):
        file.write_bytes(damaged)
        assert cached(tmp_path)[0].tolist() == [0, 1, 7]
        assert file.read_bytes() == whole


def _many_times(folder):
    for version in range(20):
        kept, _ = cached_scan('db', RULE, dict(v=version % 2), folder, 8, scan)
        assert kept.tolist() == [0, 1, 7]


def test_several_processes_may_make_it_at_once(tmp_path):
    context = multiprocessing.get_context('fork')
    runs = [context.Process(target=_many_times, args=(str(tmp_path), )) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
        assert run.exitcode == 0
    # Nothing is left but the file.
    assert len(list(tmp_path.iterdir())) == 1


def test_places_for_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    (tmp_path / 'db').mkdir()
    database = str(tmp_path / 'db')
    cached(None, database=database)
    cached_scan(database, RULE, VERSION, False, 1 << 30, scan)
    assert not list((tmp_path / 'db').iterdir())
    # Beside a large database, or where that cannot be written in the cache, or nowhere.
    monkeypatch.setattr(label_scan, 'LARGE', 8)
    cached(None, database=database)
    assert len(list((tmp_path / 'db').iterdir())) == 1
    (tmp_path / 'file').write_text('')
    cached(None, database=str(tmp_path / 'file' / 'db.mdb'))
    assert len(list((tmp_path / 'cache' / 'mmocr_siga' / 'labels').iterdir())) == 1
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'file'))
    assert cached(None, database=str(tmp_path / 'file' / 'x.mdb'))[1].kept == 3
