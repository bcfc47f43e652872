import pytest
import torch
from torch.nn import functional as F

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


def test_pooling_equals_a_loop_and_leaves_padding_out():
    maps, features = torch.randn(2, 4, 3, 5).double(), torch.randn(2, 6, 3, 5).double()
    got = pool_glyphs(maps, features)
    assert got.shape == (2, 3, 6)
    for n in range(2):
        for t in range(3):
            weights = torch.exp(maps[n, t + 1])
            want = (features[n] * weights).sum((1, 2)) / weights.sum()
            torch.testing.assert_close(got[n, t], want, rtol=1e-5, atol=1e-6)
    wide, valid = F.pad(maps, (0, 2), value=50.), torch.tensor([[True] * 5 + [False] * 2] * 2)
    torch.testing.assert_close(pool_glyphs(wide, F.pad(features, (0, 2), value=9.), valid), got)


def test_shapes_and_a_sample_is_the_same_in_any_batch():
    encoder, feats = build(), pyramid(3)
    together, alone = encoder(feats), encoder([f[1:2] for f in feats])
    for batch, out in ((3, together), (1, alone)):
        assert out.sequence.shape == (batch, 16, 5) and out.context.shape == (batch, 16, 8)
        assert out.valid is None and out.mask_feature.shape == (batch, 6, 8, 64)
        assert {s: m.shape for s, m in out.glyph_maps.items()} == dict(
            coarse=(batch, 9, 4, 32), fine=(batch, 9, 8, 64))
        assert {f.shape for f in out.glyph_features.values()} == {(batch, 8, 8)}
    torch.testing.assert_close(together.context[1:2], alone.context)
    for scale, glyphs in together.glyph_features.items():
        torch.testing.assert_close(glyphs[1:2], alone.glyph_features[scale])
    padded = encoder([f[:2] for f in feats], [sample('a', 0.25), sample('b')])
    assert padded.valid.sum(1).tolist() == [4, 16]
    columns = torch.randn(3, 5, 1, 32)  # of a backbone that leaves one row are taken as they are
    torch.testing.assert_close(build(row_convs=0)((*feats[:2], columns)).sequence,
                               columns[:, :, 0].transpose(1, 2))


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
    encoder(feats).glyph_maps['coarse'][..., 0].sum().backward()
    seen = feats[2].grad is not None and (feats[2].grad[..., -1] != 0).any()
    assert bool(seen) == column_context


def test_a_wrong_pyramid_is_named():
    with pytest.raises(ValueError, match=r'\(3, 4, 5\).*single map.*out_indices'):
        build()(torch.randn(1, 5, 2, 16))
    with pytest.raises(ValueError, match=r'\(4, 5\)'):
        build()(pyramid()[1:])
    with pytest.raises(ValueError, match='glyph_sources.*coarse'):
        build(glyph_sources=dict(fine=0))


def test_another_trunk_and_other_sources():
    # As SIGA_T has it: maps of one size, glyph features of other outputs than the trunk's.
    encoder = build(
        in_channels=(8, 8, 8, 8, 5), pyramid=(0, 1, 2), row_convs=0,
        fusion=dict(type='TokenPyramidFusion', in_channels=8, channels=6),
        glyph_sources=dict(coarse=3, fine=2),
        glyph_layers=dict(coarse=dict(kernel=1, groups=8), fine=dict(up=True)))
    feats = [torch.randn(2, 8, 4, 10) for _ in range(4)] + [torch.randn(2, 5, 1, 10)]
    out = encoder(feats)
    assert {s: m.shape for s, m in out.glyph_maps.items()} == dict(
        coarse=(2, 9, 4, 10), fine=(2, 9, 8, 20))
    assert out.mask_feature.shape == (2, 6, 8, 20)
    assert encoder.glyph_features['coarse'][0].weight.shape == (8, 1, 1, 1)
    # Output 3 gives features and no maps, output 0 the fine maps and no features of 'coarse'.
    last = encoder([*feats[:3], feats[3] + torch.rand(8, 4, 10), feats[4]])
    assert torch.equal(last.glyph_maps['coarse'], out.glyph_maps['coarse'])
    assert not torch.equal(last.glyph_features['coarse'], out.glyph_features['coarse'])
    assert torch.equal(last.glyph_features['fine'], out.glyph_features['fine'])
    # A map is padded where the map, not its source, is wide.
    assert encoder(feats, [sample('a', 0.5), sample('b')]).glyph_features['fine'].shape == (2, 8, 8)
