import io
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmocr_siga.images import UnusableImageError, decode_picture
from mmocr_siga.inference.inputs import Source, expand, picture_of

IMAGE = (np.arange(6 * 8 * 3) * 5 % 251).astype(np.uint8).reshape(6, 8, 3)


def encoded(suffix, image=IMAGE):
    return cv2.imencode(suffix, image)[1].tobytes()


def by_pil(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def paths(inputs):
    return [os.path.basename(source.path or '') for source in expand(inputs)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'b' / 'deep').mkdir(parents=True)
    (tmp_path / '.hidden').mkdir()
    for name in ('z.png', 'a.JPG', 'b/2.jpeg', 'b/deep/1.bmp', '.hidden/x.png', '._z.png',
                 'notes.txt', 'é ö.png'):
        (tmp_path / name).write_bytes(b'')
    return tmp_path


def test_folders_give_their_pictures_in_order(folder):
    assert paths(folder) == ['a.JPG', 'z.png', 'é ö.png', '2.jpeg', '1.bmp']
    assert paths(str(folder / 'b')) == ['2.jpeg', '1.bmp']


def test_what_holds_nothing_is_told(tmp_path):
    (tmp_path / 'notes.txt').write_text('\n# nothing\n')
    for given, path, reason in (
            (tmp_path, str(tmp_path), 'holds no pictures'),
            (f'@{tmp_path}/notes.txt', f'@{tmp_path}/notes.txt', 'names no pictures'),
            (f'@{tmp_path}/gone.txt', f'@{tmp_path}/gone.txt', 'there is no such file or folder')):
        source, = expand(given)
        assert source.path == path and reason in source.error


def test_lists(folder, monkeypatch, tmp_path):
    lines = ['\ufeff# words', '', '  ', 'z.png', f'{folder}/a.JPG\tsome label', 'b', 'gone.png\r',
             '# z.png', 'é ö.png ']
    (folder / 'list.txt').write_bytes('\n'.join(lines).encode())
    assert paths(f'@{folder}/list.txt') == [
        'z.png', 'a.JPG', '2.jpeg', '1.bmp', 'gone.png', 'é ö.png']
    # Relative to the list's folder first, then to the current one.
    lists = tmp_path / 'lists'
    lists.mkdir()
    (lists / 'list.txt').write_text('z.png\n')
    monkeypatch.chdir(folder)
    assert [s.path for s in expand(f'@{lists}/list.txt')] == ['z.png']
    (lists / 'z.png').write_bytes(b'')
    assert [s.path for s in expand(f'@{lists}/list.txt')] == [str(lists / 'z.png')]


def test_any_mix_in_order(folder):
    mix = [folder / 'z.png', IMAGE, str(folder / 'b'), b'xx', Image.new('L', (3, 2)), None, 5,
           ['a', 'b']]
    found = list(expand(mix))
    assert [os.path.basename(s.path or '') for s in found] == [
        'z.png', '', '2.jpeg', '1.bmp', '', '', '', '', '']
    assert 'None is no picture' in found[6].error and 'int is no picture' in found[7].error
    assert 'list within a list' in found[8].error
    assert list(expand(found[0])) == [found[0]]
    assert [s.path for s in expand(p for p in ('a', 'b'))] == ['a', 'b']


@pytest.mark.parametrize('suffix', ['.png', '.bmp', '.tif', '.webp', '.jpg'])
def test_plain_formats_are_decoded_as_opencv_does(suffix):
    data = encoded(suffix)
    np.testing.assert_array_equal(decode_picture(data), cv2.imdecode(np.frombuffer(data, np.uint8),
                                                              cv2.IMREAD_COLOR))


def test_files_bytes_and_arrays_agree(tmp_path):
    path = tmp_path / 'wörd.png'
    path.write_bytes(encoded('.png'))
    for inputs in (path, str(path), encoded('.png'), bytearray(encoded('.png')), IMAGE,
                   memoryview(encoded('.png')), Image.fromarray(IMAGE[..., ::-1])):
        source, = expand(inputs)
        np.testing.assert_array_equal(picture_of(source), IMAGE)


def test_kinds_of_pictures(tmp_path):
    grey = IMAGE[..., 0]
    want = np.repeat(grey[..., None], 3, 2)
    np.testing.assert_array_equal(decode_picture(encoded('.png', grey)), want)
    deep = grey.astype(np.uint16) * 257
    assert abs(decode_picture(encoded('.png', deep)).astype(int) - want).max() <= 1
    assert abs(decode_picture(encoded('.tif', deep)).astype(int) - want).max() <= 1
    fractions = (grey / np.float32(255)).astype(np.float32)
    np.testing.assert_array_equal(decode_picture(encoded('.tif', fractions)), want)
    for mode in ('L', 'P', '1', 'CMYK', 'LA', 'RGBA', 'I;16', 'F'):
        image = {'I;16': Image.fromarray(deep), 'F': Image.fromarray(grey / np.float32(255))
                 }.get(mode) or Image.fromarray(grey).convert(mode)
        got = picture_of(Source(None, image))
        assert got.shape == (6, 8, 3) and got.dtype == np.uint8
        if mode != '1':
            assert abs(got.astype(int) - want).max() <= 1, mode
    cmyk = Image.fromarray(IMAGE[..., ::-1]).convert('CMYK')
    assert abs(decode_picture(by_pil(cmyk, 'JPEG', quality=100)).astype(int) - IMAGE).mean() < 40
    assert decode_picture(by_pil(Image.fromarray(grey), 'GIF')).shape == (6, 8, 3)


def test_transparent_pictures_lie_over_a_plain_ground():
    dark_on_nothing = np.zeros((6, 8, 4), np.uint8)
    dark_on_nothing[2:4, 2:6] = (10, 20, 30, 255)
    want = np.full((6, 8, 3), 255, np.uint8)
    want[2:4, 2:6] = (10, 20, 30)
    np.testing.assert_array_equal(decode_picture(encoded('.png', dark_on_nothing)), want)
    as_pil = Image.fromarray(dark_on_nothing[..., [2, 1, 0, 3]])
    np.testing.assert_array_equal(picture_of(Source(None, as_pil)), want)
    np.testing.assert_array_equal(decode_picture(by_pil(as_pil, 'WEBP', lossless=True)), want)
    palette = as_pil.quantize(4)
    assert abs(decode_picture(by_pil(palette, 'PNG')).astype(int) - want).max() < 8


def test_photographs_are_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    data = by_pil(Image.fromarray(IMAGE[..., ::-1]), 'JPEG', exif=exif, quality=95)
    assert decode_picture(data).shape == (8, 6, 3)


@pytest.mark.parametrize('data, reason', [
    (b'', 'the file is empty'), (b'some text', 'it is no picture'),
    (encoded('.png')[:40], 'damaged|no picture'),
])
def test_what_is_no_picture(data, reason, tmp_path):
    with pytest.raises(UnusableImageError, match=reason):
        decode_picture(data)
    path = tmp_path / 'a.png'
    path.write_bytes(data)
    with pytest.raises(UnusableImageError, match=reason):
        picture_of(Source(str(path)))


def test_what_cannot_be_opened(tmp_path):
    with pytest.raises(UnusableImageError, match='no such file'):
        picture_of(Source(str(tmp_path / 'a.png')))
    with pytest.raises(UnusableImageError, match='[Dd]irectory'):
        picture_of(Source(str(Path(tmp_path))))
    with pytest.raises(UnusableImageError, match='why'):
        picture_of(Source('x', error='why'))
    with pytest.raises(UnusableImageError, match='shape'):
        picture_of(Source(None, np.zeros((3, 3, 3, 3))))
