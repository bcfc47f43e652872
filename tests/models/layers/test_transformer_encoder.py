import torch

from mmocr_siga.models.layers import TransformerEncoder


@torch.no_grad()
def test_what_comes_out_is_normalized():
    torch.manual_seed(0)
    out = TransformerEncoder(8, 1, 2, 16, 0.).eval()(50 * torch.randn(2, 3, 8))
    torch.testing.assert_close(out.mean(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var(-1, unbiased=False), torch.ones(2, 3), atol=1e-3, rtol=0)
