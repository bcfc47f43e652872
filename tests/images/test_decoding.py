"""Pixels worked out by hand, from files that PIL or OpenCV writes without loss."""
import io
import struct
import zlib

import cv2
import mmcv
import numpy as np
import pytest
from mmocr.registry import TRANSFORMS
from PIL import Image, features

from mmocr_siga.images import MAX_PIXELS, UnusableImageError, decode_picture, from_pil
from tests.robustness.hostile_pictures import png

BGR = (np.arange(6 * 8 * 3) * 5 % 251).astype(np.uint8).reshape(6, 8, 3)
AVIF = pytest.param('AVIF', dict(quality=100, subsampling='4:4:4'), marks=pytest.mark.skipif(
    not features.check('avif'), reason='this Pillow has no AVIF'))
LOSSLESS = [('PNG', {}), ('TIFF', {}), ('WEBP', dict(lossless=True, exact=True)), ('TGA', {}),
            ('BMP', {}), ('JPEG2000', dict(irreversible=False)), AVIF]


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def near(got, want, tolerance=0):
    assert got.dtype == np.uint8 and got.shape == np.shape(want)
    assert abs(got.astype(int) - want).max() <= tolerance


@pytest.mark.parametrize('kind, options', LOSSLESS)
@pytest.mark.parametrize('ink, ground', [((10, 20, 30), 255), ((240, 230, 220), 0)])
def test_what_is_transparent_lies_over_a_plain_ground(kind, options, ink, ground):
    picture = np.zeros((6, 20, 4), np.uint8)  # RGBA
    picture[2:4, 3:9] = *ink, 255
    picture[2:4, 12:15] = *ink, 102
    want = np.full((6, 20, 3), ground)
    want[2:4, 3:9] = ink[::-1]
    # Two fifths of the ink and three of the ground.
    want[2:4, 12:15] = np.rint(0.4 * np.array(ink[::-1]) + 0.6 * ground)
    near(decode_picture(saved(Image.fromarray(picture), kind, **options)), want,
         3 if kind == 'AVIF' else 0)


@pytest.mark.parametrize('ink, ground', [(20, 255), (230, 0)])
def test_transparent_colors_of_palettes(ink, ground):
    image = Image.fromarray(np.array([[0, 1, 0, 2]], np.uint8))
    image = image.convert('P')
    image.putpalette([0, 0, 0, ink, ink, ink, ink, 0, ink])
    want = [[[ground] * 3, [ink] * 3, [ground] * 3, [ink, 0, ink]]]
    for kind in ('GIF', 'PNG'):
        near(decode_picture(saved(image, kind, transparency=0)), want)
    gray = Image.fromarray(np.array([[9, ink]], np.uint8))
    near(decode_picture(saved(gray, 'PNG', transparency=9)), [[[ground] * 3, [ink] * 3]])
    near(decode_picture(saved(gray.convert('RGB'), 'PNG', transparency=(9, 9, 9))),
         [[[ground] * 3, [ink] * 3]])


@pytest.mark.parametrize('kind, options', LOSSLESS)
def test_opaque_ones_of_every_format(kind, options):
    near(decode_picture(saved(Image.fromarray(BGR[..., ::-1]), kind, **options)), BGR,
         12 if kind == 'AVIF' else 0)


@pytest.mark.parametrize('values, want', [
    (np.array([[0, 257, 32768, 65535]], np.uint16), [0, 1, 128, 255]),
    (np.array([[0, .25, .5, 1]], np.float32), [0, 64, 128, 255]),
    (np.array([[0, 100, 254.6, 255]], np.float32), [0, 100, 255, 255])])
def test_other_numbers(values, want):
    want = np.repeat(np.array(want)[None, :, None], 3, 2)
    near(decode_picture(saved(Image.fromarray(values), 'TIFF')), want)
    if values.dtype == np.uint16:
        near(decode_picture(saved(Image.fromarray(values), 'PNG')), want)
        near(decode_picture(cv2.imencode('.pgm', values)[1].tobytes()), want)
    else:  # in colors, too
        near(decode_picture(cv2.imencode('.tiff', np.dstack([values] * 3))[1].tobytes()), want)


def test_one_bit_gray_with_alpha_and_inks():
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert('1')
    for kind in ('PNG', 'TIFF', 'BMP', 'PPM', 'GIF'):
        near(decode_picture(saved(bits, kind)), [[[0] * 3, [255] * 3]])
    both = Image.fromarray(np.array([[[10, 255], [10, 0]]], np.uint8), 'LA')
    near(decode_picture(saved(both, 'PNG')), [[[10] * 3, [255] * 3]])
    # (255 - ink) * (255 - black) / 255, cyan eats red; JPEG files hold the inks inverted.
    inks = Image.new('CMYK', (16, 16), (255, 51, 0, 51))
    want = np.broadcast_to(np.array([204, 163, 0]), (16, 16, 3))
    near(decode_picture(saved(inks, 'TIFF')), want, 1)
    near(decode_picture(saved(inks, 'JPEG', quality=100)), want, 4)


@pytest.mark.parametrize('alpha, want', [
    ([255, 0], [[1, 2, 3], [255] * 3]), ([0, 0], [[1, 2, 3], [4, 5, 6]]),
    ([255, 255], [[1, 2, 3], [4, 5, 6]])])
@pytest.mark.parametrize('upwards', [True, False])
def test_bitmaps_of_32_bits(alpha, want, upwards):
    rows = [bytes([1, 2, 3, alpha[0]]), bytes([4, 5, 6, alpha[1]])]
    data = b'BM' + struct.pack('<IHHI', 62, 0, 0, 54) + struct.pack(
        '<IiiHHIIiiII', 40, 1, 2 if upwards else -2, 1, 32, 0, 8, 0, 0, 0, 0) + b''.join(
        rows[::-1] if upwards else rows)
    near(decode_picture(data), np.array(want)[:, None])


@pytest.mark.parametrize('kind, options', [('JPEG', dict(quality=95)), ('PNG', {}), ('TIFF', {}),
                                           ('WEBP', dict(lossless=True))])
@pytest.mark.parametrize('turn, upright', enumerate([
    lambda p: p, lambda p: p[:, ::-1], lambda p: p[::-1, ::-1], lambda p: p[::-1],
    lambda p: p.swapaxes(0, 1), lambda p: np.rot90(p, -1), lambda p: p[::-1, ::-1].swapaxes(0, 1),
    np.rot90], 1))
def test_pictures_are_turned_upright(kind, options, turn, upright):
    blocks = np.kron(BGR[:2, :3], np.ones((16, 16, 1), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = turn
    data = saved(Image.fromarray(blocks[..., ::-1]), kind, exif=exif, **options)
    got, want = decode_picture(data), upright(blocks)
    assert got.shape == want.shape and abs(got.astype(int) - want).mean() < 6


@pytest.mark.parametrize('kind', ['GIF', 'PNG', 'WEBP', 'TIFF'])
def test_the_first_frame_counts(kind):
    first, second = (Image.new('RGB', (5, 4), (v, v, v)) for v in (90, 200))
    data = saved(first, kind, save_all=True, append_images=[second],
                 **dict(lossless=True) if kind == 'WEBP' else {})
    near(decode_picture(data), np.full((4, 5, 3), 90))


@pytest.mark.parametrize('data', [
    png(30000, 30000), png(10001, 10000), png(2**31 - 1, 2**31 - 1), b'P6 20000 20000 255\n',
    b'GIF89a' + struct.pack('<HHBBB', 13000, 13000, 0x80, 0, 0) + b'\0\0\0\xff\xff\xff,'
    + struct.pack('<HHHHB', 0, 0, 13000, 13000, 0) + b'\2\2\x4c\1\0;',
    saved(Image.new('RGB', (8, 8)), 'JPEG').replace(b'\x11\x08\0\x08\0\x08', b'\x11\x08'
                                                    + b'\xff\xdc' * 2)])
def test_the_size_is_looked_up_first(data, monkeypatch):
    assert MAX_PIXELS == 100_000_000
    monkeypatch.setattr(cv2, 'imdecode', lambda *_: pytest.fail('set aside'))
    monkeypatch.setattr(Image.Image, 'load', lambda *_: pytest.fail('set aside'))
    with pytest.raises(UnusableImageError, match='limit|no picture'):
        decode_picture(data)


@pytest.mark.parametrize('data', [
    saved(Image.new('RGB', (8, 8)), 'EPS'), saved(Image.new('RGB', (8, 8)), 'PDF'),
    b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', b'<html>'])
def test_no_other_program_is_started(data):
    with pytest.raises(UnusableImageError, match='it is no picture, or in none of the formats'):
        decode_picture(data)


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'GIF', 'TIFF', 'WEBP', 'JPEG2000', 'AVIF', 'BMP'])
def test_what_is_cut_off_is_an_error(kind):
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    with pytest.raises(UnusableImageError):
        decode_picture(data[:len(data) // 2])


def test_whatever_a_decoder_raises_is_one_error(monkeypatch):
    def failing(*_, **__):
        raise RuntimeError('Failed to decode\nframe 0')

    monkeypatch.setattr(Image, 'open', failing)
    with pytest.raises(UnusableImageError, match=r'damaged.*\(Failed to decode frame 0\)'):
        decode_picture(b'GIF89a')


def test_large_pictures_in_parts(monkeypatch):
    """A picture of several tiles, in both directions, equals one of a single tile."""
    picture = np.random.default_rng(0).integers(0, 256, (7, 50, 4), np.uint8)
    for image in (Image.fromarray(picture), Image.fromarray(picture).convert('CMYK'),
                  Image.fromarray(picture[..., 0] / np.float32(255))):
        want = from_pil(image)
        with monkeypatch.context() as patched:
            patched.setattr('mmocr_siga.images.pictures._TILE', 20)
            np.testing.assert_array_equal(from_pil(image), want)


def test_mmcv_and_mmocr_decode_alike(tmp_path):
    data = png(2, 1, color=6, data=b'\0' + bytes([30, 20, 10, 255, 0, 0, 0, 0]))
    bgr = np.array([[[10, 20, 30], [255] * 3]])
    near(mmcv.imfrombytes(data), bgr)
    near(mmcv.imfrombytes(data, channel_order='rgb'), bgr[..., ::-1])
    near(mmcv.imfrombytes(data, flag='grayscale'), [[22, 255]], 1)  # .114 * 10 + .587 * 20 + ...
    (tmp_path / 'a.png').write_bytes(data)
    near(mmcv.imread(str(tmp_path / 'a.png')), bgr)
    for kind in ('LoadImageFromFile', 'LoadWordImage', 'InferencerLoader'):
        loader = TRANSFORMS.build(dict(type=kind))
        near(loader(dict(img_path=str(tmp_path / 'a.png')))['img'], bgr)
        (tmp_path / 'b.png').write_bytes(data[:40])
        with pytest.raises(OSError, match=r'b\.png cannot be decoded as an image: '):
            loader(dict(img_path=str(tmp_path / 'b.png')))


def test_damaged_profiles_and_exif_do_not_matter():
    broken = b'Exif\0\0' + bytes(range(40))
    picture = Image.fromarray(BGR[..., ::-1])
    near(decode_picture(saved(picture, 'PNG', exif=broken)), BGR)
    near(decode_picture(saved(picture, 'PNG', icc_profile=zlib.compress(b'nothing'))), BGR)
