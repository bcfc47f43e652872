import cv2
import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import EnsureBGR
from mmocr_siga.images import UnusableImageError, to_bgr_uint8


def test_bgr_is_passed_on_as_it_is():
    img = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert to_bgr_uint8(img) is img


@pytest.mark.parametrize('shape', [(2, 4), (2, 4, 1), (1, 8), (8, 1, 1)])
def test_grey_is_repeated(shape):
    img = np.arange(8, dtype=np.uint8).reshape(shape)
    np.testing.assert_array_equal(to_bgr_uint8(img), img.reshape(*shape[:2], 1).repeat(3, 2))


@pytest.mark.parametrize('values, dtype, expected', [
    ([0, 1], bool, [0, 255]),
    ([0, 257, 32768, 65535], np.uint16, [0, 1, 128, 255]),
    ([0, 7, 255], np.int64, [0, 7, 255]),
    ([0, .5, 1], np.float32, [0, 128, 255]),
    ([0, .25, 1], np.float16, [0, 64, 255]),
    ([0, 1.4, 254.6], np.float64, [0, 1, 255]),
    ([-3, 100, 260], np.float32, [0, 100, 255]),
])
def test_dtypes(values, dtype, expected):
    out = to_bgr_uint8(np.array([values], dtype))
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out[0, :, 0], expected)


def test_a_16_bit_png_comes_out_as_opencv_decodes_it():
    img = np.random.default_rng(0).integers(0, 65536, (6, 7, 3), np.uint16)
    decoded = cv2.imdecode(cv2.imencode('.png', img)[1], cv2.IMREAD_COLOR)
    assert np.abs(to_bgr_uint8(img).astype(int) - decoded).max() <= 1


@pytest.mark.parametrize('pixels, dtype, expected', [
    # Dark text gets a white ground (51 is a fifth of 255), bright text a black one.
    ([[20, 30, 40, 255], [20, 30, 40, 51], [20, 30, 40, 0]], np.uint8,
     [[20, 30, 40], [208, 210, 212], [255, 255, 255]]),
    ([[250, 250, 250, 255], [0, 0, 0, 0]], np.uint8, [[250] * 3, [0] * 3]),
    ([[1, 2, 3, 255], [250, 0, 9, 255]], np.uint8, [[1, 2, 3], [250, 0, 9]]),
    ([[10, 255], [10, 0]], np.uint8, [[10] * 3, [255] * 3]),
    ([[0, 0, 0, 1], [0, 0, 0, 0]], np.float32, [[0] * 3, [255] * 3]),
])
def test_transparent_images(pixels, dtype, expected):
    np.testing.assert_array_equal(to_bgr_uint8(np.array([pixels], dtype))[0], expected)


@pytest.mark.parametrize('img, message', [
    (np.zeros((0, 5, 3), np.uint8), 'no pixels'),
    (np.zeros((5, 0), np.uint8), 'no pixels'),
    (np.zeros(5, np.uint8), r'\(5,\)'),
    (np.zeros((1, 4, 4, 3), np.uint8), r'\(1, 4, 4, 3\)'),
    (np.zeros((3, 32, 128), np.uint8), 'channels come last'),
    (np.zeros((4, 4, 0), np.uint8), r'\(4, 4, 0\)'),
    (np.full((2, 2), 256), r'\[256, 256\].*\[0, 255\]'),
    (np.full((2, 2), -1), 'integers'),
    (np.full((2, 2), np.nan), 'finite'),
    (np.full((2, 2), np.inf, np.float32), 'finite'),
    (np.full((2, 2), 1000.), 'floating point'),
    (np.full((2, 2), -1.), 'floating point'),
    (np.full((2, 2), 1j), 'complex'),
    ([[1, 2]], 'list'),
    (None, 'NoneType'),
])
def test_other_arrays_are_refused(img, message):
    for name, results in (('some/word.png', dict(img_path='some/word.png')), ('an array', {})):
        with pytest.raises(UnusableImageError, match=message) as error:
            EnsureBGR()(dict(results, img=img))
        assert name in str(error.value)


def test_it_updates_the_shape():
    out = TRANSFORMS.build(dict(type='EnsureBGR'))(dict(img=np.zeros((3, 5), np.uint8)))
    assert out['img'].shape == (3, 5, 3) and out['img_shape'] == (3, 5)
