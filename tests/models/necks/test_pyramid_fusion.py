import pytest
import torch

from mmocr_siga.models.layers.conv_blocks import deconv_bn_relu
from mmocr_siga.models.necks import PyramidFusion


@pytest.mark.parametrize('scale,size', [((2, 2), (16, 64)), ((2, 1), (16, 32))])
def test_shapes(scale, size):
    fusion = PyramidFusion((3, 5), 7, scale)
    fine, coarse = fusion(torch.randn(2, 3, *size), torch.randn(2, 5, 8, 32))
    assert coarse.shape == (2, 7, 8, 32) and fine.shape == (2, 7, *size)


def test_what_does_not_fit_is_named():
    fusion = PyramidFusion((3, 5), 7)
    with pytest.raises(ValueError, match=r'\(8, 32\).*\(16, 64\).*\(16, 60\)'):
        fusion(torch.randn(2, 3, 16, 60), torch.randn(2, 5, 8, 32))
    with pytest.raises(ValueError, match='two numbers'):
        PyramidFusion((1, 2, 3))
    with pytest.raises(ValueError, match='1 or 2'):
        deconv_bn_relu(4, 4, (3, 2))
