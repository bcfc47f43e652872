import pytest
import torch
from mmocr.registry import MODELS
from torch.nn import functional as F


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build(
        {**dict(type='SRNEncoder', in_channels=(3, 4, 5), channels=6), **changes}).eval()


def pyramid():
    return tuple(torch.randn(2, c, *size) for c, size in zip((3, 4, 5), ((8, 32), (4, 16), (2, 8))))


def test_levels_are_added_at_the_size_of_the_finest():
    encoder, feats = build(), pyramid()
    fine, middle, coarse = encoder.neck(feats)
    want = fine + middle.repeat_interleave(2, 2).repeat_interleave(2, 3) + (
        coarse.repeat_interleave(4, 2).repeat_interleave(4, 3))
    torch.testing.assert_close(encoder(feats), want)
    odd = (*feats[:2], F.interpolate(feats[2], size=(3, 7)))  # no multiples of each other
    assert encoder(odd).shape == want.shape == (2, 6, 8, 32)
    assert any('bn' in name for name, _ in encoder.named_parameters())
    plain = build(neck=dict(norm_cfg=None))
    assert not any('bn' in name for name, _ in plain.named_parameters())


def test_other_maps_are_named():
    with pytest.raises(ValueError, match=r'\(3, 4, 5\) channels and got maps of \(3, 4\)'):
        build()(pyramid()[:2])
    with pytest.raises(ValueError, match='got a single map'):
        build()(pyramid()[0])
