"""How the words of a row look at their pictures (Flamingo, NeurIPS 2022).

B rows, S words of a row, T positions of a word, J pictures of a row, P tokens of a picture, D
channels, G heads of d channels.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .latent_resampler import feed_forward, split_heads

SEES = ('own', 'all')


class GatedCrossAttention(nn.Module):
    """y <- y + tanh(a) CA(LN y, pictures), y <- y + tanh(b) FF(y); no biases.

    With gates a = b = 0 a language model around it is undisturbed, as one that was trained before
    should be; a new one should begin with ``gate_init=1``, or it first learns to spell blindly.

    Args:
        channels: Channels D of the words.
        memory_channels: Those of the pictures' tokens; None: the same.
        head_channels: Channels d of each of the ``num_heads``.
        inner_channels: Those of the perceptron; None: 4 D.
        sees: 'own': a word sees its own picture alone, and those of others only through what
            earlier words made of them. 'all': pictures of earlier words, too.
    """

    def __init__(self, channels: int, memory_channels: int | None = None, num_heads: int = 8,
                 head_channels: int = 64, inner_channels: int | None = None, sees: str = 'own',
                 gate_init: float = 0.0) -> None:
        super().__init__()
        if sees not in SEES:
            raise ValueError(f'sees must be one of {SEES}, but is {sees!r}')
        inner = num_heads * head_channels
        self.sees, self.num_heads = sees, num_heads
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, inner, bias=False)
        self.key_value = nn.Linear(memory_channels or channels, 2 * inner, bias=False)
        self.out = nn.Linear(inner, channels, bias=False)
        self.perceptron = feed_forward(channels, inner_channels or 4 * channels)
        self.gates = nn.Parameter(torch.full((2, ), float(gate_init)))

    def pair(self, memory: Tensor) -> Tensor:
        """Keys and values of pictures' tokens (..., P, D): (..., 2, G, P, d)."""
        pair = self.key_value(memory).unflatten(-1, (2, self.num_heads, -1))
        return pair.movedim(-4, -2)

    def forward(self, y: Tensor, pair: Tensor, visible: Tensor | None = None) -> Tensor:
        """Words (B, S, T, D) look at pictures.

        Args:
            pair: Keys and values (B, J, 2, G, P, d) of the row's pictures, by :meth:`pair`; those
                of the S words are the last.
            visible: (B or 1, S, J) bool, which pictures each word sees where ``sees`` is 'all'.
                None: its own and all before.
        """
        rows, words, steps, _ = y.shape
        query = self.query(self.norm(y))
        if self.sees == 'own':
            seen = F.scaled_dot_product_attention(
                split_heads(query.flatten(0, 1), self.num_heads),
                *pair[:, -words:].flatten(0, 1).unbind(1))
        else:
            pictures, tokens = pair.shape[1], pair.shape[4]
            if visible is None:
                visible = pictures_until(words, pictures, y.device)
            mask = visible.repeat_interleave(steps, 1).repeat_interleave(tokens, 2)
            keys, values = pair.permute(2, 0, 3, 1, 4, 5).flatten(3, 4)
            seen = F.scaled_dot_product_attention(
                split_heads(query.flatten(1, 2), self.num_heads), keys, values, mask[:, None])
        gates = self.gates.tanh()
        y = y + gates[0] * self.out(seen.transpose(1, 2).flatten(2)).view(y.shape)
        return y + gates[1] * self.perceptron(y)


def pictures_until(words: int, pictures: int, device: torch.device) -> Tensor:
    """(1, S, J) bool: the last of J pictures are those of S words; each sees them up to its own."""
    seen = torch.ones(words, pictures, dtype=torch.bool, device=device)
    return seen.tril(pictures - words)[None]
