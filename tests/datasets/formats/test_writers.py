import json
from unittest.mock import Mock

import cv2
import numpy as np
import pytest

from mmocr_siga.datasets.formats.writers import (
    FolderWriter,
    LmdbWriter,
    PairWriter,
    parse_boxes,
    refuse_existing,
)
from mmocr_siga.images import encode_picture as encode
from mmocr_siga.images import image_suffix


def noise(seed, shape=(32, 90, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def stored(path, *keys):
    import lmdb
    with lmdb.open(str(path), readonly=True, lock=False) as env, env.begin() as view:
        return [view.get(key.encode()) for key in keys]


def test_lmdb_layout_and_growth(tmp_path):
    pytest.importorskip('lmdb')
    # 30 incompressible pictures of 8 kB do not fit into the first 64 kB.
    with LmdbWriter(tmp_path / 'db', map_size=64 << 10, batch=4) as writer:
        for i in range(30):
            boxes = [[1, 2, 3, 4], [5, 6, 7, 8]] if i == 0 else None
            writer.add(encode(noise(i), '.png'), f'w\xf6rd{i}', b'm' if i == 0 else None, boxes)
    number, label, nothing, mask, text, image = stored(
        tmp_path / 'db', 'num-samples', 'label-000000030', 'image-000000000', 'mask-000000001',
        'boxes-000000001', 'image-000000030')
    assert (number, label.decode(), nothing, mask) == (b'30', 'w\xf6rd29', None, b'm')
    assert text == b'1,2,3,4;5,6,7,8' and parse_boxes('') == []
    assert parse_boxes(text.decode()) == [[1, 2, 3, 4], [5, 6, 7, 8]]
    np.testing.assert_array_equal(
        cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR), noise(29))


def test_tables_and_what_lies_beside_them(tmp_path):
    words = [('Caf\xe9', b'mask', [[0, 1, 2, 3], [4, 5, 6, 7]]), ('a b', ), ('c', )]
    images = [encode(noise(i), '.png' if i else '.jpg') for i in range(3)]
    for table, per_folder in (('tsv', 0), ('json', 2), ('txt', 0)):
        with FolderWriter(tmp_path / table / 'new', 'val', '', table, per_folder) as writer:
            for image, word in zip(images, words):
                writer.add(image, *word)
    tsv, folders, txt = (tmp_path / table / 'new' for table in ('tsv', 'json', 'txt'))
    assert (tsv / 'val.tsv').read_bytes().decode() == (
        'images/val_0000001.jpg\tCaf\xe9\nimages/val_0000002.png\ta b\n'
        'images/val_0000003.png\tc\n')
    assert (tsv / 'val_char_boxes.tsv').read_bytes().decode() == (
        'images/val_0000001.jpg\tCaf\xe9\t0,1,2,3;4,5,6,7\n')
    assert (tsv / 'images/val_0000002.png').read_bytes() == images[1]
    assert [p.name for p in (tsv / 'masks').iterdir()] == ['val_0000001.png']
    assert (tsv / 'masks/val_0000001.png').read_bytes() == b'mask'
    found = json.loads((folders / 'textrecog_val.json').read_text(encoding='utf-8'))
    assert found['metainfo'] == dict(dataset_type='TextRecogDataset', task_name='textrecog')
    assert [d['img_path'] for d in found['data_list']] == [
        'images/00000/val_0000001.jpg', 'images/00000/val_0000002.png',
        'images/00001/val_0000003.png']
    assert found['data_list'][0]['instances'] == [dict(text='Caf\xe9', char_boxes=words[0][2])]
    assert (txt / 'images/val_0000001.txt').read_bytes() == 'Caf\xe9'.encode()
    assert not list(tmp_path.rglob('*.partial')) + list(folders.glob('*.tsv'))


@pytest.mark.parametrize('table, text', [('tsv', 'a\tb'), ('tsv', 'a\n'), ('txt', 'a\r')])
def test_labels_that_a_table_cannot_hold(tmp_path, table, text):
    with FolderWriter(tmp_path, 'val', table=table) as writer:
        with pytest.raises(ValueError, match='tab or a line break'):
            writer.add(b'x', text)
        writer.add(b'x', 'fine')
    assert writer.count == 1
    with pytest.raises(ValueError, match="'tsv', 'json' or 'txt'"):
        FolderWriter(tmp_path, 'val', table='xml')


class StopError(Exception):
    pass


@pytest.mark.parametrize('kind', ['tsv', 'json', 'lmdb'])
@pytest.mark.parametrize('resume', [False, True])
def test_an_interrupted_set_is_not_there(tmp_path, kind, resume):
    if kind == 'lmdb':
        pytest.importorskip('lmdb')

    def writer():
        if kind == 'lmdb':
            return LmdbWriter(tmp_path / 'set', batch=2, resume=resume)
        return FolderWriter(tmp_path / 'set', 'val', '.png', kind, resume=resume)

    with pytest.raises(StopError):
        with writer() as first:
            for i in range(5):
                first.add(encode(noise(i), '.png'), f'w{i}', encode(noise(i), '.png'))
            first.flush()
            raise StopError
    assert not (tmp_path / 'set' / 'data.mdb').exists()
    assert not list(tmp_path.rglob('val.tsv')) + list(tmp_path.rglob('textrecog_val.json'))
    if not resume:
        assert not [p for p in tmp_path.rglob('*') if p.is_file()]
        return
    with writer() as second:
        assert second.count == 5
        second.add(encode(noise(5), '.png'), 'w5')
    if kind == 'lmdb':
        assert stored(tmp_path / 'set', 'num-samples', 'words-written', 'label-000000005') == [
            b'6', None, b'w4']
    elif kind == 'tsv':
        lines = (tmp_path / 'set' / 'val.tsv').read_text().splitlines()
        assert [line.split('\t')[1] for line in lines] == [f'w{i}' for i in range(6)]


@pytest.mark.parametrize('resume', [False, True])
def test_pairs_lie_in_folders_and_an_interrupted_set_has_no_table(tmp_path, resume):
    folders = ['i_s', 't_f', 't_b', 'mask_s', 'mask_t']
    pictures = [name.encode() for name in folders]
    (tmp_path / 'i_s').mkdir()
    (tmp_path / 'i_s' / 'mine.png').write_bytes(b'')
    with pytest.raises(StopError):
        with PairWriter(tmp_path, resume) as writer:
            writer.add(pictures, ['Old', 'new'])
            raise StopError
    assert not list(tmp_path.glob('i_?.txt'))
    found = {p.name for p in tmp_path.rglob('*') if p.is_file()}
    assert (tmp_path / 'i_s' / 'mine.png').exists()
    assert resume or found == {'mine.png'}
    with PairWriter(tmp_path, resume) as writer:
        assert writer.count == resume
        for text in ('caf\xe9', 'one')[resume:]:
            writer.add(pictures, ['a', text])
        for text in ('', 'a b', ' a', 'a\n'):
            with pytest.raises(ValueError, match='is empty or holds a blank'):
                writer.add(pictures, ['a', text])
    first = ('Old', 'new') if resume else ('a', 'caf\xe9')
    for table, k, last in (('i_s.txt', 0, 'a'), ('i_t.txt', 1, 'one')):
        assert (tmp_path / table).read_text('utf-8') == (
            f'0000001.png {first[k]}\n0000002.png {last}\n')
    assert (tmp_path / 'txt' / '0000001.txt').read_text('utf-8') == first[1] + '\n'
    for folder in folders:
        assert (tmp_path / folder / '0000002.png').read_bytes() == folder.encode()
    assert not list(tmp_path.glob('*.partial'))


def test_a_row_that_was_cut_off_is_written_again(tmp_path):
    with pytest.raises(StopError):
        with FolderWriter(tmp_path, 'val', resume=True) as writer:
            writer.add(b'x', 'a')
            writer.add(b'y', 'b')
            raise StopError
    journal = tmp_path / 'val.rows.partial'
    journal.write_bytes(journal.read_bytes()[:-3])
    with FolderWriter(tmp_path, 'val', resume=True) as writer:
        assert writer.count == 1
        writer.add(b'z', 'c')
    assert (tmp_path / 'val.tsv').read_text() == (
        'images/val_0000001.jpg\ta\nimages/val_0000002.jpg\tc\n')
    assert (tmp_path / 'images' / 'val_0000002.jpg').read_bytes() == b'z'


def test_a_full_disk_or_a_check_that_fails_leaves_no_database(tmp_path):
    lmdb = pytest.importorskip('lmdb')
    with pytest.raises(OSError, match='is the disk full'):
        with LmdbWriter(tmp_path / 'db', batch=1) as writer:
            writer.add(b'i', 'a')
            full = Mock(close=writer._env.close)
            full.begin.side_effect = lmdb.DiskError('No space left on device')
            writer._env = full
            writer.add(b'i', 'b')
    assert list(tmp_path.iterdir()) == []

    def check(folder):
        assert stored(folder, 'num-samples') == [b'1']
        raise OSError('differs')

    with pytest.raises(OSError, match='differs'):
        with LmdbWriter(tmp_path / 'db', check=check) as writer:
            writer.add(b'i', 'a')
    assert list(tmp_path.iterdir()) == []


def test_places_that_are_taken(tmp_path):
    pytest.importorskip('lmdb')
    (tmp_path / 'file').write_text('')
    (tmp_path / 'folder').mkdir()
    (tmp_path / 'folder' / 'x').write_text('')
    with pytest.raises(FileExistsError, match='is a file; choose a folder'):
        LmdbWriter(tmp_path / 'file')
    with pytest.raises(FileExistsError, match='holds files already'):
        refuse_existing(tmp_path / 'folder')
    with LmdbWriter(tmp_path / 'folder') as writer:
        writer.add(b'i', 'a')
    assert sorted(p.name for p in (tmp_path / 'folder').iterdir()) == ['data.mdb', 'x']
    with pytest.raises(FileExistsError, match='holds an LMDB file already'):
        LmdbWriter(tmp_path / 'folder')
    with pytest.raises(OSError, match='file'):
        LmdbWriter(tmp_path / 'file' / 'db')
    with pytest.raises(OSError, match='file'):
        FolderWriter(tmp_path / 'file' / 'set', 'val')


def test_kinds_of_images():
    assert [image_suffix(encode(noise(0), s)) for s in ('.jpg', '.png', '.webp', '.bmp', '.tiff')
            ] == ['.jpg', '.png', '.webp', '.bmp', '.tif']
    assert image_suffix(b'what is this') == image_suffix(b'') == ''
