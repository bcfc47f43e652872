"""A Transformer decoder layer whose cross-attention may be refined by coverage.

N batch, T steps, S steps before them, G heads, L positions of the memory, D channels, d = D / G.
"""
from __future__ import annotations

from typing import Callable, NamedTuple

import torch
from torch import Tensor, nn

from .attention_refinement import CoverageState

Pair = tuple[Tensor, Tensor]  # keys and values, (N, G, *, d) each
Refine = Callable[[Tensor], tuple[Tensor, CoverageState]]


class HeadedAttention(nn.Module):
    """The projections of multi-head attention; the attention itself is made and seen outside."""

    def __init__(self, channels: int, memory_channels: int, num_heads: int) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f'{channels} channels are no multiple of {num_heads} heads')
        self.num_heads = num_heads
        self.scale = (channels // num_heads)**-0.5
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(memory_channels, channels)
        self.value = nn.Linear(memory_channels, channels)
        self.out = nn.Linear(channels, channels)
        for layer in (self.query, self.key, self.value, self.out):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def pair(self, memory: Tensor) -> Pair:
        """Keys and values of a memory (N, L, D)."""
        return self._split(self.key(memory)), self._split(self.value(memory))

    def energies(self, x: Tensor, keys: Tensor, blocked: Tensor | None) -> Tensor:
        """(N, T, D) -> (N, G, T, L), at least float32, -inf where ``blocked``."""
        energies = self._split(self.query(x) * self.scale) @ keys.transpose(2, 3)
        energies = energies if energies.dtype == torch.float64 else energies.float()
        return energies if blocked is None else energies.masked_fill(blocked, float('-inf'))

    def glimpse(self, attention: Tensor, values: Tensor) -> Tensor:
        """(N, G, T, L) -> (N, T, D)."""
        return self.out((attention.to(values.dtype) @ values).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.num_heads, -1)).transpose(1, 2)


class Looked(NamedTuple):
    """What a :class:`CoverageLayer` gives."""

    x: Tensor  # (N, T, D)
    past: Pair  # of all S + T steps
    attention: Tensor  # to the memory, (N, G, T, L), before dropout
    used: Tensor  # the same after it
    coverage: CoverageState | None  # where the attention was refined


class CoverageLayer(nn.Module):
    """Attention to the steps so far, attention to a memory, and a perceptron.

    All steps at once, or the next ones after some: both are :meth:`forward`.

    Args:
        channels: Channels D.
        memory_channels: Those of the memory.
        inner_channels: Those of the perceptron.
        norm_first: Whether each part sees its input normalized, as everywhere in this package;
            False normalizes after each sum, as the paper does.
    """

    def __init__(self, channels: int, memory_channels: int, num_heads: int, inner_channels: int,
                 dropout: float = 0.1, norm_first: bool = True) -> None:
        super().__init__()
        self.norm_first = norm_first
        self.steps = HeadedAttention(channels, channels, num_heads)
        self.cross = HeadedAttention(channels, memory_channels, num_heads)
        self.perceptron = nn.Sequential(
            nn.Linear(channels, inner_channels), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(inner_channels, channels))
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, past: Pair, memory: Pair, padding: Tensor | None = None,
                later: Tensor | None = None, refine: Refine | None = None) -> Looked:
        """One layer.

        Args:
            x: (N, T, D).
            past: Keys and values of the S steps before, by :meth:`HeadedAttention.pair`.
            memory: Those of the memory.
            padding: (N, 1, 1, L) bool, True where it is padded.
            later: (T, S + T) bool, True for steps that come later. None: there are none.
            refine: Makes the attention of its energies, as
                :class:`~mmocr_siga.models.layers.AttentionRefinement` does. None: a softmax.
        """
        y = self._normed(0, x, True)
        past = tuple(torch.cat(parts, 2) for parts in zip(past, self.steps.pair(y)))
        back = self.dropout(self.steps.energies(y, past[0], later).softmax(-1))
        x = self._normed(0, x + self.dropout(self.steps.glimpse(back, past[1])), False)

        energies = self.cross.energies(self._normed(1, x, True), memory[0], padding)
        attention, coverage = refine(energies) if refine else (energies.softmax(-1), None)
        used = self.dropout(attention)
        x = self._normed(1, x + self.dropout(self.cross.glimpse(used, memory[1])), False)

        x = x + self.dropout(self.perceptron(self._normed(2, x, True)))
        return Looked(self._normed(2, x, False), past, attention, used, coverage)

    def _normed(self, part: int, x: Tensor, before: bool) -> Tensor:
        """Normalized, if that is done here: before a part, or after it."""
        return self.norms[part](x) if before == self.norm_first else x
