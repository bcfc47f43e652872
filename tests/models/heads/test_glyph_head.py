import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.heads import text_pixels
from tests.helpers.words import sample, tiny_model

TERMS = {
    'loss_implicit', 'loss_plain', 'loss_reading_coarse', 'loss_reading_fine', 'loss_mask',
    'loss_orthogonality', 'loss_coverage', 'loss_glyph_coarse', 'loss_glyph_fine'
}


def build():
    torch.manual_seed(0)
    return MODELS.build(tiny_model())


def encode(model, words):
    torch.manual_seed(1)
    inputs = torch.randn(len(words), 3, 32, 128)
    feat = model.extract_feat(inputs)
    return model.gray(inputs), feat, model.encoder(feat), [sample(w) for w in words]


@pytest.mark.parametrize('words', [['ab'], [''], ['ab', '', 'abcdefghijk']])
def test_all_terms_are_finite_and_teach_the_whole_head(words):
    model = build().train() if len(words) > 1 else build().eval()  # batch norm
    losses = model.glyph_head.loss(*encode(model, words))
    assert set(losses) == TERMS
    assert all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    for name, parameter in model.glyph_head.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_glyph_losses_reach_the_maps_but_neither_attention_nor_mask():
    model = build()
    gray, feat, encoding, samples = encode(model, ['abc', 'de'])
    losses = model.glyph_head.loss(gray, feat, encoding, samples)
    (losses['loss_glyph_fine'] + losses['loss_glyph_coarse']).backward()
    head = model.glyph_head
    for part in (head.aligner, head.segmentation):
        assert all(p.grad is None for p in part.parameters())
    assert model.encoder.glyph_maps['fine'].weight.grad.abs().sum() > 0


def test_alignment_moves_the_aligner_but_not_the_mask():
    model = build()
    losses = model.glyph_head.loss(*encode(model, ['abc', 'de']))
    (losses['loss_orthogonality'] + losses['loss_coverage']).backward()
    assert model.glyph_head.aligner.decoder.key.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in model.glyph_head.segmentation.parameters())


def test_text_pixels_are_where_text_is_more_probable():
    logits = torch.tensor([[[[0., 2., 1.]], [[1., 1., 1.]]]])
    assert text_pixels(logits).tolist() == [[[True, False, False]]]


def test_padding_takes_no_part():
    model = build().eval()
    losses = model.glyph_head.loss(*encode(model, ['abc']))
    torch.manual_seed(1)
    inputs = torch.randn(1, 3, 32, 128)
    wide = torch.nn.functional.pad(inputs, (0, 128))
    samples = [sample('abc', valid_ratio=0.5)]
    feat = model.extract_feat(wide)
    padded = model.glyph_head.loss(model.gray(wide), feat, model.encoder(feat, samples), samples)
    assert set(padded) == set(losses) and all(v.isfinite() for v in padded.values())


def test_under_bfloat16():
    model = build()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.glyph_head.loss(*encode(model, ['abc', 'de']))
    exact = build().glyph_head.loss(*encode(build(), ['abc', 'de']))
    for name in TERMS:
        assert losses[name].dtype == torch.float32
        torch.testing.assert_close(losses[name], exact[name], rtol=0.1, atol=0.1)
