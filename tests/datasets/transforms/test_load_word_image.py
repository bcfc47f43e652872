import cv2
import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import LoadWordImage
from mmocr_siga.images import UnusableImageError

NOISE = np.random.default_rng(0).integers(0, 256, (40, 90, 3), np.uint8)


def encoded(img):
    return cv2.imencode('.png', img)[1].tobytes()


@pytest.mark.parametrize('img, expected', [
    (NOISE, NOISE), (np.full((5, 9), 70 * 257, np.uint16), np.full((5, 9, 3), 70)),
    # Transparent ones lie over a plain ground.
    (np.dstack([np.full((5, 9, 3), 70), np.zeros((5, 9))]).astype(np.uint8),
     np.full((5, 9, 3), 255))])
def test_files_become_bgr(img, expected, tmp_path):
    (tmp_path / 'a.png').write_bytes(encoded(img))
    results = LoadWordImage()(dict(img_path=str(tmp_path / 'a.png')))
    np.testing.assert_array_equal(results['img'], expected)
    assert results['img'].dtype == np.uint8
    assert results['img_shape'] == results['ori_shape'] == img.shape[:2]


def test_an_image_that_is_there_is_taken():
    results = LoadWordImage()(dict(img=NOISE, img_key='image-000000001'))
    assert results['img'] is NOISE and results['img_path'] is None
    assert results['img_shape'] == results['ori_shape'] == (40, 90)
    assert LoadWordImage()(dict(img=NOISE, img_path='kept'))['img_path'] == 'kept'


@pytest.mark.parametrize('content', [b'', b'no image at all', encoded(NOISE)[:60], None])
def test_files_that_cannot_be_read_are_named(content, tmp_path):
    if content is not None:
        (tmp_path / 'bad.png').write_bytes(content)
    with pytest.raises(OSError if content is not None else FileNotFoundError, match='bad.png'):
        LoadWordImage()(dict(img_path=str(tmp_path / 'bad.png')))
    with pytest.raises(OSError, match='image-000000007'):
        LoadWordImage()(dict(img=None, img_key='image-000000007'))


@pytest.mark.parametrize('results, error, message', [
    (dict(img=np.zeros((0, 7, 3), np.uint8), img_path='x.png'), UnusableImageError,
     r'x.png has the size \(7, 0\)'),
    *((empty, KeyError, 'sample 3 has neither img nor img_path')
      for empty in ({}, dict(img_path=None), dict(img_path='')))])
def test_nothing_to_load(results, error, message):
    with pytest.raises(error, match=message):
        TRANSFORMS.build(dict(type='LoadWordImage'))(dict(results, sample_idx=3))
