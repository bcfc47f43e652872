from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class LatentResampler(nn.Module):
    """Any number of tokens as a fixed number of latents (Flamingo's Perceiver resampler, NeurIPS
    2022, for single pictures: without embeddings of time).

    In each layer the learned latents z look at the tokens x and at each other, z <- z + Attn(q = LN
    z, kv = [LN x; LN z]), z <- z + FF(z); a last normalization follows. There are no biases.

    Args:
        channels: Channels D of tokens and latents.
        num_latents: Latents M.
        head_channels: Channels of each of the ``num_heads``, whatever D is.
    """

    def __init__(self, channels: int, num_latents: int = 64, num_layers: int = 6,
                 num_heads: int = 8, head_channels: int = 64) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(num_latents, channels))
        self.layers = nn.ModuleList(
            _ResamplerLayer(channels, num_heads, head_channels) for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, P, D) -> (N, M, D)."""
        latents = self.latents.to(tokens.dtype).expand(len(tokens), -1, -1)
        for layer in self.layers:
            latents = layer(latents, tokens)
        return self.norm(latents)


class _ResamplerLayer(nn.Module):

    def __init__(self, channels: int, num_heads: int, head_channels: int) -> None:
        super().__init__()
        inner = num_heads * head_channels
        self.num_heads = num_heads
        self.norm_tokens, self.norm_latents = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.query = nn.Linear(channels, inner, bias=False)
        self.pair = nn.Linear(channels, 2 * inner, bias=False)
        self.out = nn.Linear(inner, channels, bias=False)
        self.perceptron = feed_forward(channels, 4 * channels)

    def forward(self, latents: Tensor, tokens: Tensor) -> Tensor:
        z = self.norm_latents(latents)
        keys, values = self.pair(torch.cat([self.norm_tokens(tokens), z], 1)).chunk(2, -1)
        glimpses = F.scaled_dot_product_attention(
            *(split_heads(part, self.num_heads) for part in (self.query(z), keys, values)))
        latents = latents + self.out(glimpses.transpose(1, 2).flatten(2))
        return latents + self.perceptron(latents)


def feed_forward(channels: int, inner_channels: int) -> nn.Sequential:
    """Flamingo's: a normalization and two layers without biases, GELU between them."""
    return nn.Sequential(
        nn.LayerNorm(channels), nn.Linear(channels, inner_channels, bias=False), nn.GELU(),
        nn.Linear(inner_channels, channels, bias=False))


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(N, T, G * d) -> (N, G, T, d)."""
    return x.unflatten(2, (num_heads, -1)).transpose(1, 2)
