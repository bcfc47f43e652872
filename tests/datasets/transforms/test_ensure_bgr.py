import cv2
import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import EnsureBGR
from mmocr_siga.images import UnusableImageError, to_bgr_uint8


def test_bgr_is_passed_on_as_it_is():
    img = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert to_bgr_uint8(img) is img


@pytest.mark.parametrize('shape', [(2, 4), (2, 4, 1)])
def test_grey_is_repeated(shape):
    img = np.arange(8, dtype=np.uint8).reshape(shape)
    out = to_bgr_uint8(img)
    assert out.shape == (2, 4, 3)
    for channel in range(3):
        np.testing.assert_array_equal(out[..., channel], img.reshape(2, 4))


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
    data = cv2.imencode('.png', img)[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert np.abs(to_bgr_uint8(img).astype(int) - decoded).max() <= 1


def test_dark_text_on_a_transparent_ground_gets_a_white_one():
    img = np.zeros((1, 3, 4), np.uint8)
    img[0, :, :3] = 20, 30, 40
    img[0, :, 3] = 255, 51, 0
    out = to_bgr_uint8(img)
    # 51 is a fifth of 255.
    np.testing.assert_array_equal(out[0], [[20, 30, 40], [208, 210, 212], [255, 255, 255]])


def test_bright_text_on_a_transparent_ground_gets_a_black_one():
    img = np.zeros((1, 2, 4), np.uint8)
    img[0, 0] = 250, 250, 250, 255
    np.testing.assert_array_equal(to_bgr_uint8(img)[0], [[250] * 3, [0] * 3])


def test_opaque_images_lose_their_alpha_only():
    img = np.random.default_rng(0).integers(0, 256, (5, 6, 4), np.uint8)
    img[..., 3] = 255
    np.testing.assert_array_equal(to_bgr_uint8(img), img[..., :3])


def test_grey_with_alpha():
    img = np.array([[[10, 255], [10, 0]]], np.uint8)
    np.testing.assert_array_equal(to_bgr_uint8(img)[0], [[10] * 3, [255] * 3])


def test_float_with_alpha():
    img = np.array([[[0, 0, 0, 1], [0, 0, 0, 0]]], np.float32)
    np.testing.assert_array_equal(to_bgr_uint8(img)[0], [[0] * 3, [255] * 3])


@pytest.mark.parametrize('shape', [(1, 1, 3), (9, 1, 4), (1, 9)])
def test_one_pixel_wide_images(shape):
    assert to_bgr_uint8(np.zeros(shape, np.uint8)).shape == shape[:2] + (3, )


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
    with pytest.raises(UnusableImageError, match=message) as error:
        EnsureBGR()(dict(img=img, img_path='some/word.png'))
    assert 'some/word.png' in str(error.value)


def test_it_is_registered_and_updates_the_shape():
    out = TRANSFORMS.build(dict(type='EnsureBGR'))(dict(img=np.zeros((3, 5), np.uint8)))
    assert out['img'].shape == (3, 5, 3) and out['img_shape'] == (3, 5)


def test_arrays_without_a_name_are_refused_too():
    with pytest.raises(ValueError, match='an array'):
        EnsureBGR()(dict(img=np.zeros((0, 5), np.uint8)))
