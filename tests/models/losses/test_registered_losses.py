import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.losses import functional as F

NOISE = torch.Generator().manual_seed(0)


def rand(*shape):
    return torch.rand(*shape, generator=NOISE)


LOGITS, MASK = rand(3, 2, 4, 6), rand(3, 4, 6) > 0.5
ATTENTION, FOREGROUND, LENGTHS = rand(3, 4, 8), rand(3, 8, 32) > 0.5, torch.tensor([4, 2, 0])
WIDE = torch.nn.functional.interpolate(ATTENTION, size=32, mode='linear', align_corners=False)
MAPS, LABELS = rand(3, 5, 4, 8), rand(3, 5, 4, 8) > 0.6


@pytest.mark.parametrize('cfg, inputs, want', [
    (dict(type='TextMaskLoss', loss_weight=2.0, ignore_above=0.7), (LOGITS, MASK),
     2 * F.text_mask_loss(LOGITS, MASK, 0.7)),
    (dict(type='TextMaskLoss', reference=True), (LOGITS, MASK),
     F.text_mask_loss(LOGITS, MASK, reference=True)),
    (dict(type='AlignmentLoss', loss_weight=0.3), (ATTENTION, FOREGROUND, LENGTHS),
     dict(loss_orthogonality=0.3 * F.orthogonality_loss(WIDE, LENGTHS),
          loss_coverage=0.3 * F.coverage_loss(WIDE, FOREGROUND, LENGTHS))),
    (dict(type='AlignmentLoss', reference=True), (ATTENTION, FOREGROUND, LENGTHS),
     dict(loss_orthogonality=F.orthogonality_loss(WIDE, LENGTHS, 'sum'),
          loss_coverage=F.coverage_loss(WIDE, FOREGROUND, LENGTHS, True))),
    (dict(type='GlyphLoss', loss_weight=0.5), (MAPS, LABELS, LENGTHS),
     0.5 * sum(F.glyph_loss(MAPS, LABELS, LENGTHS))),
])
def test_they_pass_their_arguments_on(cfg, inputs, want):
    torch.testing.assert_close(MODELS.build(cfg)(*inputs), want)
