import os

import pytest

from mmocr_siga.datasets.formats import lmdb_reader
from mmocr_siga.datasets.formats.lmdb_reader import LMDBReader, open_database
from tests.helpers.word_sets import put_lmdb, write_lmdb

pytest.importorskip('lmdb')


@pytest.fixture
def path(tmp_path):
    return str(write_lmdb(tmp_path / 'db', [*(f'w{i}' for i in range(1, 201)), None],
                          images=201 * [bytes(3000)]))


def test_labels_in_order_and_a_version_that_changes_with_them(path):
    reader = LMDBReader(path)
    assert reader.count() == 201
    assert list(reader.labels()) == [*((f'w{i}', '') for i in range(1, 201)),
                                     (None, 'has no label')]
    before = reader.version()
    assert reader.version() == before
    reader.close()
    put_lmdb(path, {'label-000000007': b'X7'})
    assert LMDBReader(path).version() != before


@pytest.mark.parametrize('size', [0, 100, 4096, 8192, 100_000, -4096])
def test_a_database_that_is_cut_off_is_refused(path, size):
    file = os.path.join(path, 'data.mdb')
    os.truncate(file, size if size >= 0 else os.path.getsize(file) + size)
    with pytest.raises(ValueError, match='interrupted|cut off'):
        LMDBReader(path).count()


def test_files_of_another_kind(tmp_path):
    (tmp_path / 'data.mdb').write_bytes(b'no database at all' * 1000)
    with pytest.raises(ValueError, match='cannot be opened as an LMDB database'):
        open_database(str(tmp_path))
    (tmp_path / 'empty').mkdir()
    for name in ('empty', 'gone'):
        with pytest.raises(FileNotFoundError, match=f'no LMDB database.*{name}'):
            open_database(str(tmp_path / name))
    assert not (tmp_path / 'gone').exists()


@pytest.mark.parametrize('value, told', [
    (None, 'holds no words'), (b'many', 'holds no words'), (b'0', 'holds no words'),
    (b'-3', 'holds no words'), (b'2', 'only 1 other entries'), (b'9' * 5000, 'only 1 other entr')])
def test_numbers_of_samples(tmp_path, value, told):
    put_lmdb(tmp_path, {'label-000000001': b'a', 'num-samples': value})
    with pytest.raises(ValueError, match=told) as error:
        LMDBReader(str(tmp_path)).count()
    assert 'num-samples is' in str(error.value) and str(tmp_path) in str(error.value)


def test_more_images_than_the_number_are_told(tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr(lmdb_reader, 'print_log', lambda text, *options: logged.append(text))
    write_lmdb(tmp_path / 'db', 'abc')
    reader = LMDBReader(str(tmp_path / 'db'))
    assert reader.count() == 3 and not logged
    reader.close()
    put_lmdb(tmp_path / 'db', {'num-samples': b'1'})
    assert reader.count() == 1
    assert 'num-samples is 1, but there are 2 images with higher numbers' in logged[0]
