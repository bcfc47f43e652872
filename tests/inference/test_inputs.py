import io
import os

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmocr_siga.images import UnusableImageError
from mmocr_siga.inference.inputs import Source, expand, picture_of

IMAGE = (np.arange(6 * 8 * 3) * 5 % 251).astype(np.uint8).reshape(6, 8, 3)


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


def test_what_holds_nothing_is_told(tmp_path):
    (tmp_path / 'notes.txt').write_text('\n# nothing\n')
    for given, reason in ((f'{tmp_path}', 'holds no pictures'),
                          (f'@{tmp_path}/notes.txt', 'names no pictures'),
                          (f'@{tmp_path}/gone.txt', 'there is no such file or folder')):
        source, = expand(given)
        assert source.path == given and reason in source.error


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


@pytest.mark.parametrize('content', [
    'é.png\r\nz.png\r\n'.encode('utf-16'), b'\xfe\xff' + 'é.png\nz.png'.encode('utf-16-be'),
    'é.png\nz.png'.encode('utf-32'), 'é.png\0z.png\0'.encode(), '\ufeffé.png\nz.png'.encode()])
def test_lists_in_other_encodings(tmp_path, content):
    for name in ('é.png', 'z.png'):
        (tmp_path / name).write_bytes(b'')
    (tmp_path / 'list').write_bytes(content)
    assert [s.path for s in expand(f'@{tmp_path}/list')] == [
        str(tmp_path / 'é.png'), str(tmp_path / 'z.png')]


@pytest.mark.parametrize('content, reason', [
    (cv2.imencode('.png', IMAGE)[1].tobytes(), 'is a picture, not a list'),
    ('a.png\nb.png'.encode('utf-16-le'), 'UTF-16 without'), (b'\x7fELF\0\0\0', 'is no text')])
def test_what_is_no_list(tmp_path, content, reason):
    (tmp_path / 'list').write_bytes(content)
    good, source, _ = expand([IMAGE, f'@{tmp_path}/list', IMAGE])
    assert source.path == f'@{tmp_path}/list' and reason in source.error and good.error is None


def test_what_is_left_out_of_a_folder_is_told(folder, caplog):
    list(expand(folder))
    assert '3 left out' in caplog.text and 'notes.txt is not named like a picture' in caplog.text


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


def test_files_bytes_and_arrays_agree(tmp_path):
    path = tmp_path / 'wörd.png'
    data = cv2.imencode('.png', IMAGE)[1].tobytes()
    path.write_bytes(data)
    for inputs in (path, str(path), data, bytearray(data), memoryview(data), IMAGE,
                   Image.fromarray(IMAGE[..., ::-1])):
        source, = expand(inputs)
        np.testing.assert_array_equal(picture_of(source), IMAGE)


@pytest.mark.parametrize('give', [
    lambda t: t, lambda t: t.permute(2, 0, 1).flip(0), lambda t: (t / 255).permute(2, 0, 1).flip(0),
    lambda t: (t / 255).bfloat16() * 0 + t / 255, lambda t: t.float().requires_grad_()])
def test_tensors(give):
    source, = expand(give(torch.from_numpy(IMAGE)))
    np.testing.assert_array_equal(picture_of(source), IMAGE)


def test_open_files(tmp_path):
    data = cv2.imencode('.png', IMAGE)[1].tobytes()
    (tmp_path / 'a.png').write_bytes(data)
    with open(tmp_path / 'a.png', 'rb') as file, open(tmp_path / 'a.png', errors='replace') as text:
        file.read(9)
        *good, bad = expand([io.BytesIO(data), file, file, text])
    for source in good:
        np.testing.assert_array_equal(picture_of(source), IMAGE)
    assert "open it with 'rb'" in bad.error
    assert len(list(expand(io.BytesIO(data)))) == 1


class Odd:
    """Raises whatever is asked of it."""

    def __fspath__(self):
        raise RuntimeError('odd')

    def __array__(self, *_, **__):
        raise RuntimeError('odd')


@pytest.mark.parametrize('odd', [
    'a\0b', '\ud800', 'x' * 5000, 'http://127.0.0.1:9/a.png', '@a\0b', '', Odd(), 5, [IMAGE],
    np.matrix([['a']]), np.float64(3), torch.tensor(1.), torch.zeros(2, 3, 4, 4), {1: 2}, b'\0',
    Image.new('L', (0, 5)), np.array([None]), iter([1])])
def test_odd_inputs_get_one_answer(odd):
    good, source, last = expand([IMAGE, odd, IMAGE])
    with pytest.raises(UnusableImageError, match='.'):
        picture_of(source)
    assert picture_of(good) is picture_of(last) is IMAGE


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='no FIFOs here')
def test_what_is_no_regular_file_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / 'a.png')
    (tmp_path / 'list').write_text('a.png\n/dev/zero')
    for given in (tmp_path, tmp_path / 'a.png', f'@{tmp_path}/list', f'@{tmp_path}/a.png'):
        with pytest.raises(UnusableImageError, match='FIFO, not a regular file'):
            picture_of(next(expand(given)))
    with pytest.raises(UnusableImageError, match='a device'):
        picture_of(Source('/dev/zero'))


def test_what_cannot_be_opened(tmp_path):
    (tmp_path / 'empty.png').write_bytes(b'')
    for source, reason in (
            (Source(str(tmp_path / 'a.png')), 'no such file'),
            (Source(str(tmp_path)), '[Dd]irectory'), (Source('x', error='why'), 'why'),
            (Source(str(tmp_path / 'empty.png')), 'the file is empty'),
            (Source(None, np.zeros((3, 3, 3, 3))), 'shape')):
        with pytest.raises(UnusableImageError, match=reason):
            picture_of(source)
