import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import EnsureBGR
from mmocr_siga.images import UnusableImageError


@pytest.mark.parametrize('img, message', [
    (np.zeros((0, 5, 3), np.uint8), 'no pixels'), (np.zeros(5, np.uint8), r'\(5,\)'),
    (np.zeros((1, 4, 4, 3), np.uint8), r'\(1, 4, 4, 3\)'),
    (np.zeros((3, 32, 128), np.uint8), 'channels come last'),
    (np.zeros((4, 4, 0), np.uint8), r'\(4, 4, 0\)'),
    (np.full((2, 2), 256), r'\[256, 256\].*\[0, 255\]'), (np.full((2, 2), -1), 'integers'),
    (np.full((2, 2), np.nan), 'finite'), (np.full((2, 2), np.inf, np.float32), 'finite'),
    (np.full((2, 2), 1000.), 'floating point'), (np.full((2, 2), -1.), 'floating point'),
    (np.full((2, 2), 1j), 'complex'), ([[1, 2]], 'list'), (None, 'NoneType')])
def test_other_arrays_are_refused(img, message):
    for name, results in (('some/word.png', dict(img_path='some/word.png')), ('an array', {})):
        with pytest.raises(UnusableImageError, match=message) as error:
            EnsureBGR()(dict(results, img=img))
        assert name in str(error.value)


def test_it_updates_the_shape():
    out = TRANSFORMS.build(dict(type='EnsureBGR'))(dict(img=np.zeros((3, 5), np.uint8)))
    assert out['img'].shape == (3, 5, 3) and out['img_shape'] == (3, 5)
