import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.layers.text_image_decoder import grid_sinusoids


def backbone(**changes):
    return MODELS.build(dict(dict(type='ConvStemTransformer', stem_channels=8, embed_dim=16,
                                  depth=2, num_heads=2, inner_channels=16, taps=(0, 1)), **changes))


@pytest.mark.parametrize('size', [(32, 128), (16, 24)])
def test_maps_of_the_stem_of_a_block_and_the_last_one(size):
    model = backbone().eval()
    pictures = torch.randn(2, 3, *size)
    with torch.no_grad():
        stem, first, last = model(pictures)
        alone = model(pictures[1:])
    assert {each.shape for each in (stem, first, last)} == {(2, 16, size[0] // 4, size[1] // 4)}
    for each, one in zip((stem, first, last), alone):
        assert torch.allclose(each[1:], one, atol=1e-5)
    # The last one is normalized.
    assert torch.allclose(last.mean(1), torch.zeros(()), atol=1e-5)


def test_blank_pictures_differ_from_place_to_place():
    with torch.no_grad():
        tokens = backbone()(torch.zeros(1, 3, 16, 32))[-1].flatten(2)[0].T
    assert (torch.cdist(tokens, tokens) + torch.eye(32)).min() > 1e-3


def test_what_is_seen_weighs_as_much_as_where_it_is():
    torch.manual_seed(0)
    with torch.no_grad():
        stem = backbone(stem_channels=64, embed_dim=128)(torch.randn(8, 3, 32, 128))[0]
    places = grid_sinusoids(8, 32, 128).T.view(128, 8, 32)
    ratio = (stem - places).square().mean() / places.square().mean()
    assert places.square().mean() == pytest.approx(.5, abs=1e-3) and 1 < ratio < 3


def test_taps_that_are_no_blocks_are_refused():
    with pytest.raises(ValueError, match=r'depth - 1 = 1, got \[2\]'):
        backbone(taps=[2])
