"""GlyphPlugin's losses, put together again from the parts they are made of."""
from types import SimpleNamespace

import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.layers import valid_columns
from mmocr_siga.models.losses import functional as F
from mmocr_siga.models.pseudo_labels.functional import glyph_labels, masked_two_means
from tests.helpers.words import sample


def plugin(**changes):
    return MODELS.build(dict(dict(
        type='GlyphPlugin', backbone_maps=('fine', 'coarse'), in_channels=(4, 6),
        feature_channels=5, max_seq_len=3, channels=8, hidden_size=7, loss_weight=1.0), **changes))


def forward_pass(samples, steps=5, rectified=False):
    """Maps of noise for images of 16 x 32."""
    image = torch.rand(2, 16, 32) * 255
    outputs = dict(fine=torch.randn(2, 4, 8, 16), coarse=torch.randn(2, 6, 4, 8))
    attention = (4 * torch.randn(2, steps, 16)).softmax(-1).view(2, steps, 2, 8)
    return SimpleNamespace(
        kept={}, data_samples=samples, output=outputs.get, feature=torch.randn(2, 5, 2, 8),
        attention=attention.requires_grad_(), rectified=rectified,
        valid=lambda width: valid_columns(samples, width, image.device),
        gray=lambda: image)


@pytest.mark.parametrize('steps, weight, ratio', [(2, 1.0, 1.0), (3, 0.1, 1.0), (5, 1.0, 0.5)])
def test_losses_by_their_parts(steps, weight, ratio):
    samples = [sample('ab'), sample('abcde', ratio)]
    glyph, view = plugin(loss_weight=weight).eval(), forward_pass(samples, steps)
    valid = None if ratio == 1 else view.valid(32)
    maps, fused = glyph(view.output('fine'), view.output('coarse'), view.feature)
    logits = glyph.segmentation([fused])
    lengths = torch.tensor([2, min(steps, 3)])
    columns = torch.zeros(2, 3, 8)
    columns[:, :min(steps, 3)] = view.attention.detach().sum(2)[:, :3]
    text = logits.argmax(1).bool()
    wide = F.resize_attention(columns, 32, valid)
    want = dict(
        loss_mask=F.text_mask_loss(logits, masked_two_means(view.gray(), valid), valid=valid),
        loss_orthogonality=F.orthogonality_loss(wide, lengths),
        loss_coverage=F.coverage_loss(wide, text, lengths, valid=valid))
    for scale, size in (('coarse', (4, 8)), ('fine', (8, 16))):
        labels = glyph_labels(columns, text, lengths, size, valid=valid)
        want[f'loss_glyph_{scale}'] = sum(F.glyph_loss(maps[scale], labels, lengths, valid))
    got = glyph.loss(view)
    assert set(got) == set(want)
    for key, value in want.items():
        torch.testing.assert_close(got[key], weight * value)


def test_masks_of_the_pipeline_are_used_unless_the_pixels_have_moved():
    mask = torch.rand(1, 16, 32) > 0.5
    samples = [sample('ab', mask=mask), sample('c', mask=mask)]
    for word in samples:
        word.set_metainfo(dict(img_shape=(16, 32)))
    for rectified in (False, True):
        glyph, view = plugin().eval(), forward_pass(samples, rectified=rectified)
        _, fused = glyph(view.output('fine'), view.output('coarse'), view.feature)
        masks = masked_two_means(view.gray()) if rectified else mask.expand(2, -1, -1)
        torch.testing.assert_close(glyph.loss(view)['loss_mask'], F.text_mask_loss(
            glyph.segmentation([fused]), masks))


def test_fed_features_by_their_parts():
    glyph, view = plugin(feed=True).eval(), forward_pass([sample('ab'), sample('c')])
    torch.nn.init.normal_(glyph.project.weight)
    with torch.no_grad():
        got = glyph.feed(view, view.feature)
        maps, _ = view.kept[glyph]
        added = torch.zeros(2, 7, 2, 8)
        for scale, source in (('coarse', view.output('coarse')), ('fine', view.output('fine'))):
            logits, features = maps[scale], glyph.glyph_features[scale](source)
            glyphs = torch.stack([
                torch.einsum('nhw,ndhw->nd', logits[:, t].flatten(1).softmax(1).view_as(
                    logits[:, t]), features) for t in (1, 2, 3)], 1)
            glyphs = glyph.glyph_rnn[scale](glyphs)
            shares = logits.softmax(1)[:, 1:]
            h, w = logits.shape[2] // 2, logits.shape[3] // 8
            shares = shares.unflatten(2, (2, h)).unflatten(4, (8, w)).mean((3, 5))
            for t in range(3):
                added += shares[:, t, None] * glyphs[:, t, :, None, None]
        torch.testing.assert_close(got, view.feature + glyph.project(added))
    # The maps that the losses read are those that were fed.
    assert glyph.loss(view)['loss_glyph_fine'].isfinite()


def test_maps_that_do_not_fit_are_named():
    view = forward_pass([sample('a'), sample('b')])
    with pytest.raises(ValueError, match='does not match the fine map'):
        plugin(scale=(1, 2)).loss(view)
