import torch

from mmocr_siga.models.heads import ImplicitAligner


def test_attention_is_a_distribution_over_valid_columns():
    torch.manual_seed(0)
    aligner = ImplicitAligner(6, 10, hidden_size=5)
    valid = torch.ones(2, 9, dtype=torch.bool)
    valid[1, 4:] = False
    logits, attention = aligner(torch.randn(2, 9, 6), torch.randint(0, 11, (2, 4)), valid)
    assert logits.shape == (2, 4, 10) and attention.shape == (2, 4, 9)
    torch.testing.assert_close(attention.sum(-1), torch.ones(2, 4))
    assert (attention[1, :, 4:] == 0).all()
