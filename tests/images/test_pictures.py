import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mmocr_siga.images import UnusableImageError, decode_picture, from_pil, to_bgr_uint8

IMAGE = (np.arange(6 * 8 * 3) * 5 % 251).astype(np.uint8).reshape(6, 8, 3)


def encoded(suffix, image=IMAGE):
    return cv2.imencode(suffix, image)[1].tobytes()


def by_pil(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize('shape', [(2, 4), (2, 4, 1), (1, 8), (8, 1, 1)])
def test_gray_is_repeated(shape):
    img = np.arange(8, dtype=np.uint8).reshape(shape)
    bgr = to_bgr_uint8(img)
    np.testing.assert_array_equal(bgr, img.reshape(*shape[:2], 1).repeat(3, 2))
    assert to_bgr_uint8(bgr) is bgr


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


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.tif', '.webp', '.jpg'])
def test_plain_formats_are_decoded_as_opencv_does(suffix):
    data = encoded(suffix)
    want = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decode_picture(data), want)


def test_kinds_of_pictures():
    gray = IMAGE[..., 0]
    deep, fractions = gray.astype(np.uint16) * 257, gray / np.float32(255)
    want = np.repeat(gray[..., None], 3, 2).astype(int)
    for suffix, image in (('.png', gray), ('.png', deep), ('.tif', deep), ('.tif', fractions)):
        assert abs(decode_picture(encoded(suffix, image)) - want).max() <= 1
    modes = [Image.fromarray(gray).convert(mode) for mode in ('L', 'P', 'CMYK', 'LA', 'RGBA')]
    for image in (*modes, Image.fromarray(deep), Image.fromarray(fractions)):
        assert abs(from_pil(image) - want).max() <= 1, image.mode
    assert from_pil(Image.fromarray(gray).convert('1')).shape == (6, 8, 3)
    cmyk = Image.fromarray(IMAGE[..., ::-1]).convert('CMYK')
    assert abs(decode_picture(by_pil(cmyk, 'JPEG', quality=100)).astype(int) - IMAGE).mean() < 40
    assert decode_picture(by_pil(Image.fromarray(gray), 'GIF')).shape == (6, 8, 3)


@pytest.mark.parametrize('suffix', ['.png', '.webp', '.tiff', 'PIL'])
@pytest.mark.parametrize('ink, ground', [(20, 255), (230, 0)])
def test_transparent_files_lie_over_a_plain_ground(suffix, ink, ground):
    picture = np.zeros((6, 20, 4), np.uint8)
    picture[2:4, 3:9] = ink, ink, ink, 255
    picture[2:4, 12:15] = ink, ink, ink, 102
    if suffix == 'PIL':
        loaded = from_pil(Image.fromarray(picture))
    else:
        quality = [cv2.IMWRITE_WEBP_QUALITY, 101] if suffix == '.webp' else []  # lossless
        loaded = decode_picture(cv2.imencode(suffix, picture, quality)[1].tobytes())
    # By hand: two fifths of the ink and three of the ground.
    assert loaded[0, 0].tolist() == [ground] * 3 and loaded[2, 5].tolist() == [ink] * 3
    assert loaded[2, 13].tolist() == [round(0.4 * ink + 0.6 * ground)] * 3


def test_a_transparent_palette():
    picture = np.zeros((6, 8, 4), np.uint8)
    picture[2:4, 2:6] = 30, 20, 10, 255  # RGB
    want = np.full((6, 8, 3), 255)
    want[2:4, 2:6] = 10, 20, 30
    palette = by_pil(Image.fromarray(picture).quantize(4), 'PNG')
    assert abs(decode_picture(palette).astype(int) - want).max() < 8


def test_photographs_are_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    data = by_pil(Image.fromarray(IMAGE[..., ::-1]), 'JPEG', exif=exif, quality=95)
    assert decode_picture(data).shape == (8, 6, 3)


@pytest.mark.parametrize('data, reason', [
    (b'', 'the file is empty'), (b'some text', 'it is no picture'),
    (encoded('.png')[:40], 'damaged|no picture'),
])
def test_what_is_no_picture(data, reason):
    with pytest.raises(UnusableImageError, match=reason):
        decode_picture(data)
