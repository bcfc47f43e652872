import os

import cv2
import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.formats.file_backend import NonEmptyBackend


@pytest.mark.parametrize('kind', ['LoadImageFromFile', 'InferencerLoader'])
def test_mmocrs_loaders_name_every_bad_file(kind, tmp_path):
    loader = TRANSFORMS.build(dict(type=kind, backend_args=dict(backend='nonempty')))
    img = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), img)
    np.testing.assert_array_equal(loader(dict(img_path=str(tmp_path / 'a.png')))['img'], img)
    assert kind == 'LoadImageFromFile' or loader(dict(img=img))['img'] is img
    for name, content in (('empty.png', b''), ('junk.png', b'junk'), ('gone.png', None)):
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(OSError, match=name):
            loader(dict(img_path=str(path)))


def test_paths_that_cannot_be_opened_are_errors_of_one_kind(tmp_path):
    os.mkfifo(tmp_path / 'fifo')
    read = NonEmptyBackend().get
    for path, error, message in (
            (f'{tmp_path}/fifo', OSError, 'a FIFO'), ('/dev/zero', OSError, 'a device'),
            (f'{tmp_path}', IsADirectoryError, 'directory'), ('a\0b', OSError, 'null'),
            ('\ud800', OSError, 'surrogates'), ('x' * 5000, OSError, 'too long'),
            (f'{tmp_path}/http://a/b.png', FileNotFoundError, 'No such file'),
            ('nothing:image-000000001', OSError, 'no LMDB database')):
        with pytest.raises(error, match=message):
            read(path)
