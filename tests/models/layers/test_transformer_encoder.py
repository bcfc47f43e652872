import torch

from mmocr_siga.models.layers import TransformerEncoder


@torch.no_grad()
def test_what_is_hidden_changes_nothing():
    torch.manual_seed(0)
    encoder = TransformerEncoder(8, 2, 2, 16, 0.1).eval()
    x, other = torch.randn(1, 4, 8), torch.randn(1, 4, 8)
    other[:, :2] = x[:, :2]
    visible = torch.tensor([[[True, True, False, False]]])
    torch.testing.assert_close(encoder(other, visible)[:, :2], encoder(x, visible)[:, :2])
    assert not torch.allclose(encoder(other)[:, :2], encoder(x)[:, :2])


@torch.no_grad()
def test_what_comes_out_is_normalized():
    torch.manual_seed(0)
    out = TransformerEncoder(8, 1, 2, 16, 0.).eval()(50 * torch.randn(2, 3, 8))
    torch.testing.assert_close(out.mean(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var(-1, unbiased=False), torch.ones(2, 3), atol=1e-3, rtol=0)
