import pytest
import torch
from torch.nn import functional as F

from mmocr_siga.models.layers import LatentResampler


def test_latents_look_at_tokens_and_at_each_other():
    torch.manual_seed(0)
    resampler = LatentResampler(6, num_latents=3, num_layers=2, num_heads=2, head_channels=4)
    resampler = resampler.double()
    tokens = torch.randn(2, 5, 6, dtype=torch.double)
    for word, found in zip(tokens, resampler(tokens)):
        z = resampler.latents
        for layer in resampler.layers:
            query = layer.query(layer.norm_latents(z))
            both = layer.pair(torch.cat([layer.norm_tokens(word), layer.norm_latents(z)]))
            heads = []
            for head in range(2):
                part = slice(4 * head, 4 * head + 4)
                keys, values = both[:, :8][:, part], both[:, 8:][:, part]
                heads.append((query[:, part] @ keys.T / 2).softmax(-1) @ values)
            z = z + layer.out(torch.cat(heads, 1))
            norm, up, _, down = layer.perceptron
            z = z + F.gelu(norm(z) @ up.weight.T) @ down.weight.T
        torch.testing.assert_close(found, resampler.norm(z))


def test_any_number_of_tokens_gives_the_same_number_of_latents():
    resampler = LatentResampler(6, num_latents=3, num_layers=1, num_heads=1, head_channels=4)
    assert [resampler(torch.randn(2, count, 6)).shape for count in (1, 9)] == [(2, 3, 6)] * 2


def test_size_of_the_papers():
    with torch.device('meta'):
        resampler = LatentResampler(768)
    assert sum(p.numel() for p in resampler.parameters()) / 1e6 == pytest.approx(37.8, abs=.05)
