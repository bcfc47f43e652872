import io
import zipfile

import numpy as np
import pytest

from mmocr_siga.apis import ContextPool
from mmocr_siga.inference.context_pool import EncodedPool, picture_digest
from tests.helpers.readers import word_pictures

TEXTS = ['ab', 'Ω12', 'c']


def make_pool(encoded=True):
    pool = ContextPool()
    assert pool.add(word_pictures(3), TEXTS) == [None] * 3
    if encoded:
        rng = np.random.default_rng(0)
        counts = np.array([3, 0, 2], np.int32)
        pool.encoded = EncodedPool('mark', counts, rng.normal(size=(3, 4)).astype(np.float32),
                                   rng.normal(size=(5, 6)).astype(np.float32),
                                   np.arange(5, dtype=np.int32), np.array([1, 0, 1, 1, 0], bool))
    return pool


@pytest.mark.parametrize('encoded', [False, True])
def test_a_file_gives_back_what_was_saved(tmp_path, encoded):
    pool = make_pool(encoded)
    pool.save(tmp_path / 'pool.npz')
    again = ContextPool.load(tmp_path / 'pool.npz')
    assert again.texts == TEXTS and len(again) == 3 and again.digests() == pool.digests()
    assert (again.images == pool.images).all() and again.sizes.tolist() == [
        [60, 40], [90, 40], [150, 40]]
    assert (again.encoded is None) == (not encoded)
    for one, other in zip(again.encoded or (), pool.encoded or ()):
        assert np.array_equal(one, other)
    ContextPool().save(tmp_path / 'empty.npz')
    assert len(ContextPool.load(tmp_path / 'empty.npz')) == 0


def test_what_cannot_be_added_costs_nothing_else():
    pool = make_pool()
    picture = word_pictures(4)[3]
    problems = pool.add([word_pictures(1)[0], picture, np.zeros((2, 2, 7)), picture, picture],
                        ['ab', '', 'x', 'y\0', 'Fine'])
    assert problems[0] == 'the pool holds it already' and problems[4] is None
    assert all(problems[i] for i in (1, 2, 3))
    assert pool.texts == [*TEXTS, 'Fine'] and pool.encoded is None


def test_remove():
    pool = make_pool()
    with pytest.raises(IndexError, match='no word 3'):
        pool.remove([0, 3])
    assert pool.texts == TEXTS and pool.encoded is not None
    left = pool.digests()[1]
    assert pool.remove([2, 0]) == ['ab', 'c'] and pool.texts == ['Ω12']
    assert pool.digests() == [left] and pool.encoded is None and len(pool.sizes) == 1


def test_nearest_is_brute_force():
    pool = ContextPool()
    pool.add(word_pictures(6), list('abcdef'))
    vectors = np.array([[1, 0], [0, 1], [.6, .8], [1, 0], [-1, 0], [.8, .6]], np.float32)
    pool.encoded = EncodedPool('', np.array([2, 2, 2, 2, 2, 0], np.int32), vectors,
                               np.zeros((10, 1), np.float32), np.zeros(10, np.int32),
                               np.zeros(10, bool))
    # Of equals the first; the last one cannot be spelled.
    assert pool.nearest([[3, 0], [0, 2]], 4).tolist() == [[0, 3, 2, 1], [1, 2, 0, 3]]
    own = [picture_digest(word_pictures(1)[0]), None]
    assert pool.nearest([[3, 0], [0, 2]], 2, own).tolist() == [[3, 2], [1, 2]]
    assert pool.nearest([[1, 0]], 9, own[:1]).tolist() == [[3, 2, 1, 4, -1, -1]]
    pool.add(word_pictures(7)[6:], ['g'])
    with pytest.raises(ValueError, match='no reader has taken'):
        pool.nearest([[1, 0]], 1)


def test_pictures_keep_their_proportions():
    pool = ContextPool()
    pool.add([np.zeros((40, 40, 3), np.uint8), np.zeros((20, 160, 3), np.uint8)], ['a', 'b'])
    assert [pool.picture(i).shape[:2] for i in range(2)] == [(128, 128), (32, 256)]


def member(array, **options):
    content = io.BytesIO()
    np.save(content, array, **options)
    return content.getvalue()


def header(shape, dtype='|u1'):
    """A header that promises more than follows."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, dict(descr=dtype, fortran_order=False, shape=shape))
    return content.getvalue()


@pytest.mark.parametrize('changes, message', [
    (dict(texts=member(np.array(['a', {}, 'c'], object), allow_pickle=True)), 'texts has another'),
    (dict(images=None), 'lacks members'),
    (dict(more=member(np.zeros(3))), 'lacks members'),
    (dict(images=member(np.zeros((3, 32, 64, 3), np.uint8))), 'do not belong together'),
    (dict(images=member(np.zeros((3, 32, 128, 3), np.float32))), 'images has another'),
    (dict(images=header((10 ** 9, 32, 128, 3))), 'images has another'),
    (dict(images=header((3, 32, 128, 3))), 'images has another'),
    (dict(texts=member(np.array(['a', '', 'c']))), 'no text'),
    (dict(texts=header((3, ), '<U999999')), 'texts has another'),
    (dict(format=member(np.array('other'))), "format is 'other'"),
    (dict(known=member(np.zeros(4, bool))), 'features do not belong'),
    (dict(labels=member(np.zeros(4, np.int32))), 'features do not belong'),
    (dict(features=member(np.full((3, 4), np.nan, np.float32))), 'features do not belong')])
def test_foreign_files_are_refused(tmp_path, changes, message):
    make_pool().save(tmp_path / 'pool.npz')
    with zipfile.ZipFile(tmp_path / 'pool.npz') as archive:
        members = {name[:-4]: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / 'other.npz', 'w') as archive:
        for name, content in {**members, **changes}.items():
            if content is not None:
                archive.writestr(f'{name}.npy', content)
    with pytest.raises(ValueError, match=f'no pool of context words, or damaged .*{message}'):
        ContextPool.load(tmp_path / 'other.npz')


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / 'pool.npz'
    make_pool().save(path)
    content = path.read_bytes()
    middle = len(content) // 4
    for damaged in (b'', b'text', content[:len(content) // 2],
                    content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1:]):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match='no pool of context words, or damaged'):
            ContextPool.load(path)
    with pytest.raises(FileNotFoundError):
        ContextPool.load(tmp_path / 'gone.npz')
