import pytest
import torch

from mmocr_siga.models.encoders import SIGAEncoder, pool_glyphs
from tests.helpers.words import sample


def build(**changes):
    torch.manual_seed(0)
    args = dict(in_channels=(3, 4, 5), row_convs=1, fusion_channels=6, hidden_size=8,
                max_seq_len=7)
    return SIGAEncoder(**{**args, **changes}).eval()


def pyramid(batch=2, width=16):
    return (torch.randn(batch, 3, 8, 4 * width), torch.randn(batch, 4, 4, 2 * width),
            torch.randn(batch, 5, 2, width))


def test_pooling_equals_a_loop():
    torch.manual_seed(0)
    maps, features = torch.randn(2, 4, 3, 5).double(), torch.randn(2, 6, 3, 5).double()
    got = pool_glyphs(maps, features)
    assert got.shape == (2, 3, 6)
    for n in range(2):
        for t in range(3):
            weights = torch.exp(maps[n, t + 1])
            want = (features[n] * weights).sum((1, 2)) / weights.sum()
            torch.testing.assert_close(got[n, t], want, rtol=1e-5, atol=1e-6)


def test_pooling_leaves_padding_out():
    torch.manual_seed(0)
    maps, features = torch.randn(1, 4, 3, 5), torch.randn(1, 6, 3, 5)
    wide = torch.nn.functional.pad(maps, (0, 2), value=50.)
    valid = torch.tensor([[True] * 5 + [False] * 2])
    got = pool_glyphs(wide, torch.nn.functional.pad(features, (0, 2), value=9.), valid)
    torch.testing.assert_close(got, pool_glyphs(maps, features))


@pytest.mark.parametrize('batch', [1, 3])
def test_shapes(batch):
    out = build()(pyramid(batch))
    assert out.sequence.shape == (batch, 16, 5) and out.context.shape == (batch, 16, 8)
    assert out.valid is None
    assert {s: m.shape for s, m in out.glyph_maps.items()} == dict(
        middle=(batch, 9, 4, 32), low=(batch, 9, 8, 64))
    assert {s: f.shape for s, f in out.glyph_features.items()} == dict(
        middle=(batch, 8, 8), low=(batch, 8, 8))
    assert out.mask_feature.shape == (batch, 6, 8, 64)


def test_a_sample_is_the_same_in_any_batch():
    encoder, feats = build(), pyramid(3)
    together, alone = encoder(feats), encoder([f[1:2] for f in feats])
    torch.testing.assert_close(together.context[1:2], alone.context)
    for scale in ('middle', 'low'):
        torch.testing.assert_close(together.glyph_features[scale][1:2],
                                   alone.glyph_features[scale])


def test_without_glyphs_it_is_an_ordinary_context_encoder():
    encoder = build(pyramid=None)
    assert {name.split('.')[0] for name, _ in encoder.named_parameters()} == {
        'row_convs', 'context'}
    out = encoder(pyramid())
    assert out.glyph_maps == {} and out.glyph_features == {} and out.mask_feature is None
    assert out.context.shape == (2, 16, 8)


@pytest.mark.parametrize('column_context', [False, True])
def test_column_context_shows_the_glyph_maps_the_whole_word(column_context):
    encoder = build(column_context=column_context)
    feats = [f.requires_grad_() for f in pyramid(1, width=64)]
    # A change at the right end of the last map reaches the left end of the glyph maps.
    encoder(feats).glyph_maps['middle'][..., 0].sum().backward()
    seen = feats[2].grad is not None and (feats[2].grad[..., -1] != 0).any()
    assert bool(seen) == column_context


def test_padded_samples_mark_their_columns():
    out = build()(pyramid(2), [sample('a', 0.25), sample('b')])
    assert out.valid.sum(1).tolist() == [4, 16]


def test_a_wrong_pyramid_is_named():
    with pytest.raises(ValueError, match=r'\(3, 4, 5\).*single map.*out_indices'):
        build()(torch.randn(1, 5, 2, 16))
    with pytest.raises(ValueError, match=r'\(4, 5\)'):
        build()(pyramid()[1:])
