import cv2
import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import LoadWordImage
from mmocr_siga.images import UnusableImageError


def write(path, img):
    path.write_bytes(cv2.imencode('.png', img)[1].tobytes())
    return str(path)


def test_a_file(tmp_path):
    img = np.random.default_rng(0).integers(0, 256, (5, 9, 3), np.uint8)
    path = write(tmp_path / 'a.png', img)
    results = LoadWordImage()(dict(img_path=path))
    np.testing.assert_array_equal(results['img'], img)
    assert results['img_shape'] == results['ori_shape'] == (5, 9)


@pytest.mark.parametrize('img', [
    np.full((5, 9), 70, np.uint8),
    np.full((5, 9), 70 * 257, np.uint16),
    np.dstack([np.full((5, 9, 3), 70, np.uint8), np.full((5, 9), 255, np.uint8)]),
    np.full((5, 9, 3), 70 * 257, np.uint16),
])
def test_files_of_every_kind_become_bgr(img, tmp_path):
    out = LoadWordImage()(dict(img_path=write(tmp_path / 'a.png', img)))['img']
    np.testing.assert_array_equal(out, np.full((5, 9, 3), 70, np.uint8))


def test_an_image_that_is_there_is_taken():
    img = np.zeros((4, 6, 3), np.uint8)
    results = LoadWordImage()(dict(img=img, img_key='image-000000001'))
    assert results['img'] is img and results['img_path'] is None
    assert results['img_shape'] == results['ori_shape'] == (4, 6)
    results = LoadWordImage()(dict(img=img, img_path='kept'))
    assert results['img_path'] == 'kept'


def test_one_pixel_wide_is_fine(tmp_path):
    path = write(tmp_path / 'a.png', np.zeros((9, 1, 3), np.uint8))
    assert LoadWordImage()(dict(img_path=path))['img_shape'] == (9, 1)


@pytest.mark.parametrize('content', [b'', b'no image at all', 'half'])
def test_files_that_cannot_be_decoded_are_named(content, tmp_path):
    path = tmp_path / 'bad.png'
    if content == 'half':
        img = np.random.default_rng(0).integers(0, 256, (40, 90, 3), np.uint8)
        content = cv2.imencode('.png', img)[1].tobytes()[:60]
    path.write_bytes(content)
    with pytest.raises(OSError, match='bad.png'):
        LoadWordImage()(dict(img_path=str(path)))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.png'):
        LoadWordImage()(dict(img_path=str(tmp_path / 'gone.png')))


def test_what_a_database_could_not_decode_is_named():
    with pytest.raises(OSError, match='image-000000007'):
        LoadWordImage()(dict(img=None, img_key='image-000000007'))


def test_images_too_small():
    with pytest.raises(UnusableImageError, match=r'x.png has the size \(7, 0\)'):
        LoadWordImage()(dict(img=np.zeros((0, 7, 3), np.uint8), img_path='x.png'))
    with pytest.raises(UnusableImageError, match='at least 8'):
        LoadWordImage(min_size=8)(dict(img=np.zeros((9, 7, 3), np.uint8)))
    assert LoadWordImage(min_size=7)(dict(img=np.zeros((9, 7, 3), np.uint8)))


@pytest.mark.parametrize('results', [{}, dict(img_path=None), dict(img_path='')])
def test_nothing_to_load(results):
    with pytest.raises(KeyError, match='neither img nor img_path'):
        LoadWordImage()(dict(results, sample_idx=3))


def test_it_builds_from_a_config_and_refuses_misspelt_arguments():
    assert isinstance(TRANSFORMS.build(dict(type='LoadWordImage', min_size=2)), LoadWordImage)
    with pytest.raises(TypeError, match='ignore'):
        TRANSFORMS.build(dict(type='LoadWordImage', ignore=True))
