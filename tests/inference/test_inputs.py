import os

import cv2
import numpy as np
import pytest
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


def test_what_cannot_be_opened(tmp_path):
    (tmp_path / 'empty.png').write_bytes(b'')
    for source, reason in (
            (Source(str(tmp_path / 'a.png')), 'no such file'),
            (Source(str(tmp_path)), '[Dd]irectory'), (Source('x', error='why'), 'why'),
            (Source(str(tmp_path / 'empty.png')), 'the file is empty'),
            (Source(None, np.zeros((3, 3, 3, 3))), 'shape')):
        with pytest.raises(UnusableImageError, match=reason):
            picture_of(source)
