import cv2
import numpy as np
import pytest
from mmocr.registry import TRANSFORMS


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
