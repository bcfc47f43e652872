import io
import os

import pytest

from mmocr_siga.demo_page import ClientFiles


@pytest.fixture
def files():
    files = ClientFiles(most=100)
    yield files
    files.close()


def test_files_have_owners(files):
    path, shared = files.add('a', io.BytesIO(b'x')), files.add(None, io.BytesIO(b'y'), '.png')
    assert open(path, 'rb').read() == b'x' and shared.endswith('.png')
    assert files.find('a', path) == path and files.find('b', path) is None
    assert files.find('a', shared) == files.find('b', shared) == files.find('', shared) == shared
    for other in (path + '/', f'{files.folder}/./{os.path.basename(path)}', files.folder, '', None,
                  [path]):
        assert files.find('a', other) is None
    files.close()
    assert not os.path.exists(files.folder)


def test_the_oldest_go_first(files):
    shared = files.add(None, io.BytesIO(bytes(30)))
    paths = [files.add('a', io.BytesIO(bytes(30))) for _ in range(4)]
    # 30 and twice 30 are all that fits in 100.
    assert [files.find('a', path) for path in paths] == [None, None, *paths[2:]]
    assert sorted(os.listdir(files.folder)) == sorted(map(os.path.basename, [shared, *paths[2:]]))
    files.seconds = 0
    files.tidy()
    assert os.listdir(files.folder) == [os.path.basename(shared)]
