import torch
from mmocr.registry import MODELS

from mmocr_siga.models.losses import functional as F


def test_text_mask_loss_passes_its_arguments_on():
    logits, mask = torch.randn(3, 2, 4, 6), torch.rand(3, 4, 6) > 0.5
    loss = MODELS.build(dict(type='TextMaskLoss', loss_weight=2.0, ignore_above=0.9))
    torch.testing.assert_close(loss(logits, mask), 2 * F.text_mask_loss(logits, mask, 0.9))
    reference = MODELS.build(dict(type='TextMaskLoss', reference=True))
    torch.testing.assert_close(reference(logits, mask),
                               F.text_mask_loss(logits, mask, reference=True))


def test_alignment_loss_resizes_and_sums_in_reference_mode():
    attention = torch.randn(3, 4, 8).softmax(-1)
    foreground, lengths = torch.rand(3, 8, 32) > 0.5, torch.tensor([4, 2, 0])
    wide = torch.nn.functional.interpolate(attention, size=32, mode='linear', align_corners=False)
    ours = MODELS.build(dict(type='AlignmentLoss', loss_weight=0.3))(
        attention, foreground, lengths)
    torch.testing.assert_close(ours['loss_orthogonality'],
                               0.3 * F.orthogonality_loss(wide, lengths))
    torch.testing.assert_close(ours['loss_coverage'],
                               0.3 * F.coverage_loss(wide, foreground, lengths))
    theirs = MODELS.build(dict(type='AlignmentLoss', reference=True))(
        attention, foreground, lengths)
    torch.testing.assert_close(theirs['loss_orthogonality'],
                               F.orthogonality_loss(wide, lengths, 'sum'))
    torch.testing.assert_close(theirs['loss_coverage'],
                               F.coverage_loss(wide, foreground, lengths, True))


def test_glyph_loss_adds_both_terms():
    logits, labels = torch.randn(2, 5, 4, 8), torch.rand(2, 5, 4, 8) > 0.6
    lengths = torch.tensor([4, 1])
    cross_entropy, dice = F.glyph_loss(logits, labels, lengths)
    loss = MODELS.build(dict(type='GlyphLoss', loss_weight=0.5))
    torch.testing.assert_close(loss(logits, labels, lengths), 0.5 * (cross_entropy + dice))
