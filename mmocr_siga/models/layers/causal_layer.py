"""A layer of a language model that reads rows of words.

B rows, S words of a row, T positions of a word, L positions before the row, D channels, G heads of
d channels.
"""
from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .latent_resampler import split_heads


class Past(NamedTuple):
    """What a layer keeps of L positions."""

    keys: Tensor  # (B, G, L, d)
    values: Tensor  # (B, G, L, d)
    last: Tensor  # (B, G, 1, d), the last key as it was before those of neighbors were mixed


class CausalLayer(nn.Module):
    """Pre-norm self-attention and a perceptron, as in GPT-2 and OPT.

    Looking up means: find an earlier place that looked like this one, and see what came after it.
    With ``smear`` a single layer can do that: each head's keys are a learned mixture of those of a
    position and of the one before it in the word (Olsson et al., In-context learning and induction
    heads, 2022), and queries and keys begin with the same weights, so that what is alike attends
    to each other from the start. Without it takes two layers, which find it late.
    """

    def __init__(self, channels: int, num_heads: int, inner_channels: int, dropout: float = 0.1,
                 smear: bool = False) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f'{channels} channels are no multiple of {num_heads} heads')
        self.num_heads, self.dropout = num_heads, nn.Dropout(dropout)
        self.norm1, self.norm2 = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, inner_channels), nn.ReLU(), nn.Linear(inner_channels, channels))
        self.smear = None
        if smear:
            # From little to most of the key before.
            self.smear = nn.Parameter(torch.linspace(-2, 2, num_heads)[:, None, None])
            with torch.no_grad():
                self.qkv.weight[channels:2 * channels] = self.qkv.weight[:channels]
                self.qkv.bias.zero_()

    def forward(self, x: Tensor, past: Past | None = None,
                visible: Tensor | None = None) -> tuple[Tensor, Past]:
        """Words (B, S, T, D), after what earlier calls left.

        Args:
            visible: (B or 1, S * T, L + S * T) bool. None: everything.
        """
        words = x.shape[1]
        query, key, value = (split_heads(part, self.num_heads) for part in
                             self.qkv(self.norm1(x)).flatten(1, 2).chunk(3, -1))
        last = key[:, :, -1:]
        if self.smear is not None:
            key = self._smeared(key, words, past)
        if past is not None:
            key, value = (torch.cat(parts, 2) for parts in ((past.keys, key), (past.values, value)))
        seen = F.scaled_dot_product_attention(
            query, key, value, None if visible is None else visible[:, None])
        x = x + self.dropout(self.out(seen.transpose(1, 2).flatten(2)).view(x.shape))
        x = x + self.dropout(self.perceptron(self.norm2(x)))
        return x, Past(key, value, last)

    def _smeared(self, key: Tensor, words: int, past: Past | None) -> Tensor:
        """Keys (B, G, S * T, d) mixed with those before them; the first of a word is its own."""
        of_words = key.unflatten(2, (words, -1))
        first = of_words[:, :, :, :1]
        if past is not None and past.last.shape[2]:  # the next position of a word
            first = past.last[:, :, None]
        before = torch.cat([first, of_words[:, :, :, :-1]], 3).flatten(2, 3)
        return torch.lerp(key, before, self.smear.sigmoid().to(key.dtype))
