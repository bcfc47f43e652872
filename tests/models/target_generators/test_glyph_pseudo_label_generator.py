import pytest
import torch

from mmocr_siga.models.pseudo_labels.functional import glyph_labels
from mmocr_siga.models.target_generators import GlyphPseudoLabelGenerator


def inputs():
    attention = torch.rand(2, 5, 8, requires_grad=True).softmax(-1)
    return attention, torch.rand(2, 16, 32) > 0.5, torch.tensor([3, 0])


def test_one_label_per_size_and_no_gradient():
    attention, foreground, lengths = inputs()
    labels = GlyphPseudoLabelGenerator()(attention, foreground, lengths,
                                         dict(fine=(8, 16), coarse=(4, 8)))
    assert {k: v.shape for k, v in labels.items()} == dict(fine=(2, 6, 8, 16), coarse=(2, 6, 4, 8))
    assert all(v.dtype == torch.bool and not v.requires_grad for v in labels.values())


def test_threshold_scaled_to_the_length():
    attention, foreground, lengths = inputs()
    got = GlyphPseudoLabelGenerator(0.01, scale_threshold=True)(attention, foreground, lengths,
                                                                dict(a=(4, 8)))
    want = glyph_labels(attention, foreground, lengths, (4, 8), 0.04)
    assert torch.equal(got['a'], want)
    with pytest.raises(ValueError, match=r'\(0, 1\)'):
        GlyphPseudoLabelGenerator(1.5)
