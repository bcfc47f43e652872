"""Coverage: an attention that knows where it has looked before (CoMER, ECCV 2022).

N batch, G heads, T steps, (h, w) the map, L = h * w positions, C channels of coverage.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ['KINDS', 'AttentionRefinement', 'CoverageState', 'exclusive_sums']

KINDS = ('cross', 'self')  # of coverage, their channels in this order
NORMS = ('running', 'batch')


def exclusive_sums(x: Tensor) -> Tensor:
    """For each step the sum of those before it, zeros first: (..., T, L) -> (..., T, L), at least
    float32."""
    x = x if x.dtype == torch.float64 else x.float()
    return F.pad(x[..., :-1, :], (0, 0, 1, 0)).cumsum(-2)


class CoverageState(NamedTuple):
    """The attention of the steps that have run, (N, C, L) each."""

    sums: Tensor  # of all but the last, float32
    last: Tensor  # of the last one: the next step is told whether what it read has ink


class AttentionRefinement(nn.Module):
    r"""Attention refinement module of CoMER (arXiv 2207.04410), one for all refined layers.

    .. math::
        C_t = \sum_{i < t} X_i, \quad R_t = \gamma \, \frac{W \mathrm{ReLU}(K * C_t + b)}
        {\sqrt{v + \epsilon}}, \quad A_t = \mathrm{softmax}(E_t - R_t)

    X holds, for each head, the attention of the layer below as that layer used it ('cross') and
    this layer's before it is refined ('self').

    The paper divides by batch norm, which joins all steps and words of a batch, so that in training
    what comes later changes what was before. Its mean and shift cancel in the softmax. Here v is a
    running variance of each head over the cells and steps that are not padding, without a gradient:
    the first batch sets it, others are read with it and then move it by a tenth. Training and
    reading follow one formula. It is kept for each layer, as layers share the rest.

    Args:
        heads: Heads G.
        coverage: 'cross', 'self', or both ("fusion").
        channels: Channels between the two convolutions; the paper has 32.
        kernel_size: Of the first, (height, width), odd; (1, 5) for a memory of one row.
        norm: 'running', or 'batch', the paper's batch norm.
        num_layers: Layers that are refined.
        gamma: The scale that training begins with; 0 changes nothing at first.
        dropout: Of this layer's attention before it is summed, in training; the paper has that of
            its attention, here it is 0.
        reference: As ``norm='batch'``.
    """

    def __init__(self, heads: int, coverage: Sequence[str] = KINDS, channels: int = 8,
                 kernel_size: tuple[int, int] = (5, 5), norm: str = 'running', num_layers: int = 1,
                 gamma: float = 1.0, dropout: float = 0.0, reference: bool = False) -> None:
        super().__init__()
        if not coverage or isinstance(coverage, str) or not set(coverage) <= set(KINDS):
            raise ValueError(f'coverage must be some of {KINDS}, but is {coverage!r}')
        if norm not in NORMS:
            raise ValueError(f'norm must be one of {NORMS}, but is {norm!r}')
        if not all(size % 2 for size in kernel_size):
            raise ValueError(f'kernel_size must be odd, but is {tuple(kernel_size)}')
        self.kinds = tuple(kind for kind in KINDS if kind in coverage)
        self.norm = 'batch' if reference else norm
        self.dropout, self.momentum, self.eps = dropout, 0.1, 1e-5
        self.conv = nn.Conv2d(heads * len(self.kinds), channels, tuple(kernel_size),
                              padding=tuple(size // 2 for size in kernel_size))
        self.project = nn.Conv2d(channels, heads, 1, bias=False)
        self.gamma = nn.Parameter(torch.full((heads, ), float(gamma)))
        self.register_buffer('running_var', torch.ones(num_layers, heads))
        self.register_buffer('num_batches', torch.zeros(num_layers, dtype=torch.long))
        if self.norm == 'batch':
            self.beta = nn.Parameter(torch.zeros(heads))
            self.running_var = torch.ones(1, heads)
            self.register_buffer('running_mean', torch.zeros(1, heads))

    def start(self, valid: Tensor) -> CoverageState:
        """The state before the first step: zeros."""
        batch, positions = valid.flatten(1).shape
        size = batch, self.conv.in_channels, positions
        return CoverageState(valid.new_zeros(size, dtype=torch.float),
                             valid.new_zeros(size, dtype=torch.float))

    def forward(self, energies: Tensor, valid: Tensor, previous: Tensor | None = None,
                state: CoverageState | None = None, inked: Tensor | None = None,
                counted: Tensor | None = None, layer: int = 0) -> tuple[Tensor, CoverageState]:
        """Refine the attention of all steps, or of the next ones after ``state``.

        Args:
            energies: E (N, G, T, L), -inf where the map shows padding.
            valid: (N, h, w) bool, False there.
            previous: The attention (N, G, T, L) of the layer below, for 'cross'.
            inked: (N, T) bool, False where the character that a step is fed has left no ink: where
                its own step looked is then not counted. None: all have.
            counted: (N, T) bool, False for steps behind a word, which the running variance leaves
                out. None: there are none.
            layer: Which of the refined layers this is.

        Returns:
            The refined attention (N, G, T, L), before any dropout, and the state after its steps.
        """
        own = None
        if 'self' in self.kinds:
            own = F.dropout(energies.softmax(-1), self.dropout, self.training)
        parts = dict(cross=previous, self=own)
        seen = torch.cat([parts[kind] for kind in self.kinds], 1)
        coverage, state = _covered(seen, state or self.start(valid), inked)
        term = self.term(coverage, valid, counted, layer)
        return (energies - term).softmax(-1), state

    def term(self, coverage: Tensor, valid: Tensor, counted: Tensor | None = None,
             layer: int = 0) -> Tensor:
        """R (N, G, T, L) of coverage (N, C, T, L)."""
        steps, weights = coverage.shape[2], self.conv.weight
        maps = coverage.transpose(1, 2).flatten(0, 1).to(weights.dtype)
        hidden = F.relu(self.conv(maps.unflatten(-1, valid.shape[-2:])).unflatten(0, (-1, steps)))
        hidden = (hidden * valid[:, None, None]).flatten(0, 1)
        raw = self.project(hidden).unflatten(0, (-1, steps)).flatten(3)
        raw = raw if raw.dtype == torch.float64 else raw.float()
        within = valid.flatten(1)[:, None]
        if counted is not None and self.norm == 'running':
            within = within & counted[..., None]
        return self._normalized(raw, within[:, :, None], layer).transpose(1, 2)

    def _normalized(self, raw: Tensor, within: Tensor, layer: int) -> Tensor:
        """(N, T, G, L) divided by its deviation where ``within`` (N, 1 or T, 1, L)."""
        if self.norm == 'running':
            scale = self.gamma * (self._variance(raw.detach(), within, layer) + self.eps).rsqrt()
            return raw * scale[:, None]
        mean, var = self.running_mean[0], self.running_var[0]
        if self.training:
            mean, var, count = _moments(raw, within)
            with torch.no_grad():
                self.running_mean.lerp_(mean.detach().to(self.running_mean), self.momentum)
                unbiased = var.detach() * (count / (count - 1).clamp(min=1))
                self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        scale = self.gamma * (var + self.eps).rsqrt()
        return (raw - mean[:, None]) * scale[:, None] + self.beta[:, None]

    @torch.no_grad()
    def _variance(self, raw: Tensor, within: Tensor, layer: int) -> Tensor:
        """The running variance (G,) as it was before this batch, by which it is moved."""
        before = self.running_var[layer].clone()
        if self.training:
            var = _moments(raw, within)[1].to(before)
            before = torch.where(self.num_batches[layer] == 0, var, before)
            self.running_var[layer] = before.lerp(var, self.momentum)
            self.num_batches[layer] += 1
        return before


def _covered(seen: Tensor, state: CoverageState,
             inked: Tensor | None) -> tuple[Tensor, CoverageState]:
    """Coverage (N, C, T, L) of steps that look at ``seen``, and the state after them."""
    rows = torch.cat([state.sums[:, :, None], state.last[:, :, None], seen], 2)
    if inked is not None:
        rows = rows * F.pad(inked.to(rows.dtype), (1, 1), value=1.0)[:, None, :, None]
    coverage = exclusive_sums(rows)[:, :, 2:]
    return coverage, CoverageState(coverage[:, :, -1], seen[:, :, -1])


def _moments(raw: Tensor, within: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance (G,) of (N, T, G, L), and how many values they are of."""
    weights = within.to(raw.dtype).expand(-1, raw.shape[1], -1, -1)
    count = weights.sum()
    mean = (raw * weights).sum((0, 1, 3)) / count
    var = ((raw - mean[:, None]).square() * weights).sum((0, 1, 3)) / count
    return mean, var, count
