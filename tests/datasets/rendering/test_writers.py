import cv2
import numpy as np
import pytest

from mmocr_siga.datasets.rendering.writers import FolderWriter, LmdbWriter, encode


def noise(seed, shape=(32, 90, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def decode(data, flag=cv2.IMREAD_COLOR):
    return cv2.imdecode(np.frombuffer(data, np.uint8), flag)


def test_folder_layout(tmp_path):
    mask = np.arange(12, dtype=np.uint8).reshape(3, 4)
    with FolderWriter(tmp_path / 'new' / 'place', 'val', '.png') as writer:
        writer.add(encode(noise(0), '.png'), 'Café', encode(mask, '.png'))
        writer.add(encode(noise(1), '.png'), 'a b')
    root = tmp_path / 'new' / 'place'
    lines = (root / 'val.tsv').read_bytes().decode('utf-8').split('\n')
    assert lines == ['images/val_0000001.png\tCafé', 'images/val_0000002.png\ta b', '']
    np.testing.assert_array_equal(cv2.imread(str(root / lines[1].split('\t')[0])), noise(1))
    stored = cv2.imread(str(root / 'masks' / 'val_0000001.png'), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(stored, mask)
    assert not (root / 'masks' / 'val_0000002.png').exists()


def test_lmdb_layout_and_growth(tmp_path):
    lmdb = pytest.importorskip('lmdb')
    # 30 incompressible pictures of 8 kB do not fit into the first 64 kB.
    with LmdbWriter(tmp_path / 'db', map_size=64 << 10, batch=4) as writer:
        for i in range(30):
            writer.add(encode(noise(i), '.png'), f'wörd{i}')
    with lmdb.open(str(tmp_path / 'db'), readonly=True, lock=False) as env, env.begin() as view:
        assert view.get(b'num-samples') == b'30'
        assert view.get(b'label-000000030').decode('utf-8') == 'wörd29'
        assert view.get(b'image-000000000') is None
        np.testing.assert_array_equal(decode(view.get(b'image-000000001')), noise(0))
        np.testing.assert_array_equal(decode(view.get(b'image-000000030')), noise(29))
    with pytest.raises(FileExistsError, match='LMDB file already'):
        LmdbWriter(tmp_path / 'db')
