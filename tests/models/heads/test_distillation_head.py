import pytest
import torch
from torch import nn

from mmocr_siga.models.heads import DistillationHead, TokenSegmentationHead


def test_scores_are_gains_times_cosines():
    torch.manual_seed(0)
    head = DistillationHead(6, out_channels=9, hidden_channels=12, bottleneck=5)
    head.gain.data = torch.linspace(.5, 1.5, 9)[:, None]
    vectors = torch.randn(2, 4, 6)
    hidden = vectors
    for layer in head.mlp:
        hidden = layer(hidden)
    wanted = torch.nn.functional.cosine_similarity(
        hidden[..., None, :].double(), head.directions.double(), -1) * head.gain[:, 0]
    torch.testing.assert_close(head(vectors).double(), wanted, rtol=0, atol=1e-6)
    # torch's own weight norm.
    last = nn.utils.weight_norm(nn.Linear(5, 9, bias=False))
    last.weight_g.data, last.weight_v.data = head.gain.data, head.directions.data
    torch.testing.assert_close(head(vectors), last(nn.functional.normalize(hidden, dim=-1)))


@pytest.mark.parametrize('channels, millions', [(192, 21.96), (384, 22.35), (512, 22.62)])
def test_sizes_and_start(channels, millions):
    head = DistillationHead(channels, train_gain=channels < 512)
    assert sum(p.numel() for p in head.parameters()) == pytest.approx(millions * 1e6, rel=1e-3)
    assert head.mlp[2].weight.std().item() == pytest.approx(.02, rel=.01)
    assert (head.gain == 1).all() and head.gain.requires_grad == (channels < 512)
    assert not head.mlp[0].bias.any()


def test_no_vectors():
    head = DistillationHead(6, out_channels=9, hidden_channels=12, bottleneck=5)
    scores = head(torch.zeros(2, 0, 6))
    scores.sum().backward()
    assert scores.shape == (2, 0, 9) and all(p.grad is not None for p in head.parameters())


def test_segmentation_from_tokens():
    head = TokenSegmentationHead(10, taps=3)
    maps = [torch.randn(2, 10, 8, 32) for _ in range(3)]
    assert head(maps).shape == (2, 2, 32, 128)
    with pytest.raises(ValueError, match='reads 3 maps and got 2'):
        head(maps[:2])
    # 3x3 and 1x1 a tap, two of 4x4, 3x3, with a scale and a shift after each but the last.
    wanted = 3 * (10 * 128 * 9 + 128 * 64 + 2 * 192) + (192 + 128) * 128 * 16 + 4 * 128
    assert sum(p.numel() for p in head.parameters()) == wanted + 128 * 2 * 9 + 2
