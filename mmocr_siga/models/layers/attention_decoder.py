"""The attention LSTM decoder that SIGA uses four times, one or several of them side by side.

N batch, S decoders side by side, w columns of the memory, D memory channels, H hidden units, T
steps, K classes, k columns that a coverage kernel spans.
"""
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .gated_fusion import GatedFusion, mix
from .sequence_lstm import StepWeights, lstm_pointwise

# Hidden and cell states, (N, S, H) each; with coverage the sum of earlier attention, (N, S, w).
State = tuple[Tensor, ...]


class AttentionDecoder(nn.Module):
    r"""Additive attention over a 1-D memory, an LSTM cell and a character classifier.

    .. math::
        e_t = w^\top \tanh(K m + Q h_{t-1} + b), \quad \alpha_t = \mathrm{softmax}(e_t), \quad
        c_t = \sum_j \alpha_{t, j} m_j

    With ``glyphs=True`` the glimpse :math:`c_t` and a glyph feature :math:`g_t` go through a
    :class:`GatedFusion` before they reach the cell (SIGA's glyph attention decoder).

    With ``coverage=dict(kernel_size=11)`` the energies also see where was looked before, as in WAP
    (Zhang et al., 2017), so that no character is read twice or passed over:

    .. math::
        e_t = w^\top \tanh(K m + Q h_{t-1} + b + U * \textstyle\sum_{i < t} \alpha_i)

    U is a convolution along the columns, from one channel to H (WAP's convolution and the linear
    layer behind it are one). It starts at zero, which changes nothing, draws no random numbers, and
    so adds to a trained decoder, too.

    A step takes about thirty small operations, whose number counts and not their arithmetic; so
    :class:`AttentionCache` steps S decoders of one shape at once, their weights stacked. The end
    token is one of the K classes; index K of the embedding is the start token.
    """

    def __init__(self, memory_channels: int, hidden_size: int, num_classes: int,
                 glyphs: bool = False, coverage: Optional[dict] = None) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.key = nn.Linear(memory_channels, hidden_size, bias=False)
        self.query = nn.Linear(hidden_size, hidden_size)
        self.score = nn.Linear(hidden_size, 1, bias=False)
        self.rnn = nn.LSTMCell(memory_channels + hidden_size, hidden_size)
        self.embedding = nn.Embedding(num_classes + 1, hidden_size)
        self.classifier = nn.Linear(hidden_size, num_classes)
        self.fusion = GatedFusion(memory_channels) if glyphs else None
        # Start from an attention that has peaks, and from quiet characters: with PyTorch's defaults
        # the first energies differ by some 0.03, every glimpse is the mean of the memory, and for
        # tens of thousands of words the decoder learns to spell before it learns to look.
        nn.init.xavier_uniform_(self.key.weight, gain=1.5)
        nn.init.xavier_uniform_(self.query.weight, gain=1.5)
        nn.init.xavier_uniform_(self.score.weight, gain=3.0)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.coverage = None if coverage is None else _coverage_kernel(hidden_size, **coverage)

    def forward(self, memory: Tensor, tokens: Tensor, glyphs: Optional[Tensor] = None,
                valid: Optional[Tensor] = None) -> tuple[Tensor, Tensor]:
        """Teacher-forced logits (N, T, K) and attention (N, T, w).

        Args:
            memory: (N, w, D).
            tokens: (N, T) previous characters, the start token first.
            glyphs: Glyph features (N, T, D), if built with ``glyphs=True``.
            valid: (N, w) bool, False where a column is padding.
        """
        cache = AttentionCache.of([self], AttentionWeights.of([self]), memory,
                                  None if glyphs is None else [glyphs], valid)
        state, hidden, attention = cache.start(), [], []
        for t in range(tokens.shape[1]):
            state, _, seen = cache.step(state, tokens[:, t], t)
            hidden.append(state[0])
            attention.append(seen)
        return self.classifier(torch.cat(hidden, 1)), torch.cat(attention, 1)


def _coverage_kernel(hidden_size: int, kernel_size: int = 11) -> nn.Parameter:
    if kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f'the kernel_size of coverage must be odd, but is {kernel_size}')
    return nn.Parameter(torch.zeros(hidden_size, 1, kernel_size))


@dataclass
class AttentionWeights(StepWeights):
    hidden: Tensor  # (S, H, 5H): what a hidden state asks, and its share of the gates
    score: Tensor  # (S H, S): each decoder scores its own energies
    glimpse: Tensor  # (S, D, 4H): its share of the gates
    token_gates: Tensor  # (S (K + 1), 4H): every character's
    rows: Tensor  # (S,): where each decoder's rows begin
    classifier: Tensor  # (S, H, K)
    classifier_bias: Tensor  # (S, 1, K)
    gate: Optional[Tensor]  # (S, D, D): the glimpse's share of the fusion gate
    coverage: Optional[Tensor]  # (S H, 1, k): what earlier attention adds to the energies

    @classmethod
    def of(cls, decoders: Sequence[AttentionDecoder]) -> 'AttentionWeights':
        """The weights of S decoders of one shape, side by side."""
        channels, classes = decoders[0].key.in_features, decoders[0].num_classes

        def stack(part: Callable[[AttentionDecoder], Tensor]) -> Tensor:
            return torch.stack([part(decoder) for decoder in decoders])

        def token_gates(decoder: AttentionDecoder) -> Tensor:
            rnn = decoder.rnn
            return F.linear(decoder.embedding.weight, rnn.weight_ih[:, channels:],
                            rnn.bias_ih + rnn.bias_hh)

        hidden = stack(lambda d: torch.cat([d.query.weight, d.rnn.weight_hh])).transpose(1, 2)
        gate = coverage = None
        if decoders[0].coverage is not None:
            coverage = stack(lambda d: d.coverage).flatten(0, 1)
        if decoders[0].fusion is not None:
            gate = stack(lambda d: d.fusion.gate.weight[:, :channels]).transpose(1, 2)
        return cls(
            hidden=hidden,
            score=block_diagonal(stack(lambda d: d.score.weight[0])).t(),
            glimpse=stack(lambda d: d.rnn.weight_ih[:, :channels]).transpose(1, 2),
            token_gates=stack(token_gates).flatten(0, 1),
            rows=torch.arange(len(decoders), device=hidden.device) * (classes + 1),
            classifier=stack(lambda d: d.classifier.weight).transpose(1, 2),
            classifier_bias=stack(lambda d: d.classifier.bias)[:, None],
            gate=gate,
            coverage=coverage)


def block_diagonal(rows: Tensor) -> Tensor:
    """Rows (S, H) as blocks of a matrix (S, S H); by operators that ONNX has."""
    return (torch.eye(len(rows), device=rows.device)[..., None] * rows).flatten(1)


class AttentionCache(NamedTuple):
    """What no step of S decoders changes, and the steps."""

    weights: AttentionWeights
    memory: Tensor  # (N, w, D)
    keys: Tensor  # (N, w, S H)
    blocked: Optional[Tensor]  # (N, w, 1) bool, True where a column is padding
    glyph_gates: Optional[Tensor]  # (N, T, S, D): the glyph's share of the fusion gate
    glyphs: Optional[Tensor]  # (N, T, S, D) after the tanh

    @classmethod
    def of(cls, decoders: Sequence[AttentionDecoder], weights: AttentionWeights, memory: Tensor,
           glyphs: Optional[Sequence[Tensor]] = None,
           valid: Optional[Tensor] = None) -> 'AttentionCache':
        """Project a memory (N, w, D) and the glyph features (N, T, D) of each decoder; ``valid``
        (N, w) bool is False where a column is padding."""
        fusions = [decoder.fusion for decoder in decoders]
        if (glyphs is None) != (fusions[0] is None):
            raise ValueError('glyph features go together with glyphs=True, and only with it')
        weights = weights.map(lambda x: x.to(memory.dtype))  # the type that autocast gives it
        # The query's bias is added to the same energies at every step.
        keys = F.linear(memory, torch.cat([d.key.weight for d in decoders]),
                        torch.cat([d.query.bias for d in decoders]))
        gates = squashed = None
        if glyphs is not None:
            channels = memory.shape[-1]
            gates = torch.stack([F.linear(x, fusion.gate.weight[:, channels:], fusion.gate.bias)
                                 for x, fusion in zip(glyphs, fusions)], 2)
            squashed = torch.stack(list(glyphs), 2).tanh()
        blocked = None if valid is None else ~valid[:, :, None]
        return cls(weights, memory, keys, blocked, gates, squashed)

    def start(self) -> State:
        """Zeros; cell state and coverage are float32."""
        decoders, units = self.weights.hidden.shape[:2]
        words, columns = self.memory.shape[:2]
        zeros = self.memory.new_zeros(words, decoders, units)
        state = zeros, torch.zeros_like(zeros, dtype=torch.float)
        if self.weights.coverage is None:
            return state
        return (*state, torch.zeros(words, decoders, columns, device=zeros.device))

    def step(self, state: State, tokens: Tensor, t: int) -> tuple[State, Tensor, Tensor]:
        """One step of all decoders, fed previous characters (N,), or (N, S) of each: the new state,
        glimpses (N, S, D), fused with glyph features if there are any, and attention (N, S, w)."""
        weights, (hidden, cell, *seen) = self.weights, state
        units = int(cell.shape[-1])
        # Decoders come first in products, the batch everywhere else.
        query, gates = torch.bmm(hidden.transpose(0, 1), weights.hidden).split(
            (units, 4 * units), -1)
        query = query.transpose(0, 1).flatten(1)
        sums = self.keys + query[:, None]
        if seen:
            sums = sums + self._covered(*seen)
        energies = (sums.tanh_() @ weights.score).float()
        if self.blocked is not None:
            energies = energies.masked_fill(self.blocked, float('-inf'))
        attention = energies.softmax(1).transpose(1, 2)
        glimpse = torch.bmm(attention.to(self.memory.dtype), self.memory)
        if weights.gate is not None:
            gate = torch.baddbmm(self.glyph_gates[:, t].transpose(0, 1), glimpse.transpose(0, 1),
                                 weights.gate)
            glimpse = mix(torch.sigmoid(gate).transpose(0, 1), torch.tanh(glimpse),
                          self.glyphs[:, t])
        tokens = tokens[:, None] if tokens.dim() == 1 else tokens
        known = F.embedding(tokens + weights.rows, weights.token_gates).transpose(0, 1)
        gates = torch.baddbmm(gates + known, glimpse.transpose(0, 1), weights.glimpse)
        state = lstm_pointwise(gates.transpose(0, 1), cell)
        return (*state, *(before + attention for before in seen)), glimpse, attention

    def _covered(self, seen: Tensor) -> Tensor:
        """What earlier attention (N, S, w) adds to the energies' sums: (N, w, S H)."""
        kernel = self.weights.coverage
        added = F.conv1d(seen.to(kernel.dtype), kernel, padding=int(kernel.shape[-1]) // 2,
                         groups=int(seen.shape[1]))
        return added.transpose(1, 2)

    def classify(self, state: State) -> Tensor:
        """Logits (S, N, K) of all decoders after a step."""
        weights, hidden = self.weights, state[0].transpose(0, 1)
        return torch.baddbmm(weights.classifier_bias, hidden, weights.classifier)
