from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def lstm_pointwise(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """LSTM non-linearities: gates (..., 4H) in PyTorch's order i, f, g, o and cell (..., H) ->
    (hidden, cell). A cell is a running sum, which half precision would erode: it stays float32."""
    units = int(cell.shape[-1])
    kept, candidate, out = gates.float().split((2 * units, units, units), -1)
    i, f = torch.sigmoid(kept).split(units, -1)
    cell = torch.addcmul(f * cell, i, torch.tanh(candidate))
    return (torch.sigmoid(out) * torch.tanh(cell)).to(gates.dtype), cell


class BidirectionalLSTM(nn.Module):
    """A bidirectional LSTM followed by a projection, batch first."""

    def __init__(self, in_channels: int, hidden_size: int, out_channels: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(in_channels, hidden_size, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * hidden_size, out_channels)
        # An LSTM's first outputs are small (about 0.15); the default initialization shrinks them
        # further: what follows would see next to nothing. This brings them to the order of 1.
        nn.init.xavier_uniform_(self.linear.weight, gain=3.0)

    def forward(self, sequence: Tensor, valid: Tensor | None = None) -> Tensor:
        """(N, T, D_in) -> (N, T, D_out); with ``valid`` (N, T) bool, padding at the right has no
        part in what is before it."""
        if valid is None:
            return self.linear(self.rnn(sequence)[0])
        # Of sequences moved to the right, the backward direction begins where the word ends.
        position = torch.arange(valid.shape[1], device=valid.device)
        padding = (~valid).sum(1, keepdim=True)
        row, length = torch.arange(len(valid), device=valid.device)[:, None], valid.shape[1]
        moved = sequence[row, (position - padding) % length]
        forward, backward = self.rnn(torch.cat([sequence, moved]))[0].chunk(2)
        backward = backward[row, (position + padding) % length]
        units = self.rnn.hidden_size
        return self.linear(torch.cat([forward[..., :units], backward[..., units:]], -1))


@dataclass
class StepWeights:
    """Weights in the form that steps read. No tuple: a beam search repeats tuples."""

    def map(self, function: Callable[[Tensor], Tensor]) -> StepWeights:
        """The same of all matrices changed by a function."""
        return type(self)(*(function(x) if x is not None and x.is_floating_point() else x
                            for x in vars(self).values()))


@dataclass
class TokenLSTMWeights(StepWeights):
    token_gates: Tensor  # (K + 1, 4H): every character's share of the gates
    feature: Tensor  # (D, 4H)
    hidden: Tensor  # (H, 4H)
    classifier: Tensor  # (H, K)
    classifier_bias: Tensor  # (K,)


class TokenLSTM(nn.Module):
    """An LSTM over features of D channels and the embeddings of the previous characters.

    The end token is one of the K classes; index K of the embedding is the start token.
    """

    def __init__(self, in_channels: int, hidden_size: int, num_classes: int,
                 embedding_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes + 1, embedding_dim)
        nn.init.normal_(self.embedding.weight, std=0.1)  # quiet beside the features
        self.rnn = nn.LSTM(in_channels + embedding_dim, hidden_size, batch_first=True)
        self.classifier = nn.Linear(hidden_size, num_classes)

    def forward(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Teacher-forced logits (N, T, K) of features (N, T, D) and previous characters (N, T)."""
        return self.classifier(self.rnn(torch.cat([features, self.embedding(tokens)], -1))[0])

    def start(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Zero hidden and cell states (N, H) for a tensor (N, ...); the cell state is float32."""
        zeros = like.new_zeros(like.shape[0], self.rnn.hidden_size)
        return zeros, torch.zeros_like(zeros, dtype=torch.float)

    def weights(self, layer: nn.Linear | None = None) -> TokenLSTMWeights:
        """The weights as steps read them; with a linear layer that makes the features, its inputs
        take their place."""
        rnn, channels = self.rnn, self.embedding.embedding_dim
        feature, embedding = rnn.weight_ih_l0[:, :-channels].t(), rnn.weight_ih_l0[:, -channels:]
        token_gates = F.linear(self.embedding.weight, embedding, rnn.bias_ih_l0 + rnn.bias_hh_l0)
        if layer is not None:
            token_gates = token_gates + layer.bias @ feature
            feature = layer.weight.t() @ feature
        return TokenLSTMWeights(token_gates, feature, rnn.weight_hh_l0.t(),
                                self.classifier.weight.t(), self.classifier.bias)

    @staticmethod
    def step(weights: TokenLSTMWeights, feature: Tensor, previous: Tensor,
             state: tuple) -> tuple[tuple, Tensor]:
        """One step: feature (N, D), previous characters (N,) -> the new state and logits (N, K)."""
        hidden, cell = state
        gates = torch.addmm(F.embedding(previous, weights.token_gates), feature, weights.feature)
        state = lstm_pointwise(torch.addmm(gates, hidden, weights.hidden), cell)
        return state, torch.addmm(weights.classifier_bias, state[0], weights.classifier)
