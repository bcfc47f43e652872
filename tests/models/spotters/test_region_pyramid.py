import torch
from mmocr.registry import MODELS


def test_maps_have_the_sizes_that_the_encoder_wants():
    module = MODELS.build(dict(type='RegionPyramid', in_channels=6, channels=(3, 4, 5)))
    fine, coarse, columns = module(torch.randn(2, 6, 8, 32))
    assert fine.shape == (2, 3, 16, 64) and coarse.shape == (2, 4, 8, 32)
    assert columns.shape == (2, 5, 4, 32)
