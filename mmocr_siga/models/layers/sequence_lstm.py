from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def lstm_pointwise(gates: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
    """LSTM non-linearities: gates (N, 4H) in PyTorch's order i, f, g, o and cell (N, H) -> (h, c).

    The cell state stays float32: it is a running sum, which half precision would erode.
    """
    i, f, g, o = gates.float().chunk(4, 1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return (torch.sigmoid(o) * torch.tanh(cell)).to(gates.dtype), cell


class BidirectionalLSTM(nn.Module):
    """A bidirectional LSTM followed by a projection, batch first.

    Args:
        in_channels (int): Channels D_in of the input sequence.
        hidden_size (int): Hidden units per direction.
        out_channels (int): Channels D_out of the output sequence.
    """

    def __init__(self, in_channels: int, hidden_size: int, out_channels: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(in_channels, hidden_size, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * hidden_size, out_channels)
        # An LSTM's first outputs are small (about 0.15); the default initialisation shrinks them
        # further: what follows would see next to nothing. This brings them to the order of 1.
        nn.init.xavier_uniform_(self.linear.weight, gain=3.0)

    def forward(self, sequence: Tensor, valid: Optional[Tensor] = None) -> Tensor:
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


class TokenLSTM(nn.Module):
    """An LSTM over a feature sequence and the embeddings of the previous characters.

    Its input does not depend on its own state once the previous characters are known, so training
    (teacher forcing) is one fused LSTM call; reading uses :meth:`step` on the same weights.

    Args:
        in_channels (int): Channels D of a feature.
        hidden_size (int): LSTM units H.
        num_classes (int): Classes K, the end token among them. The embedding has one row more:
            index K is the start token.
        embedding_dim (int): Size E of a character embedding.
    """

    def __init__(self, in_channels: int, hidden_size: int, num_classes: int,
                 embedding_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_classes + 1, embedding_dim)
        nn.init.normal_(self.embedding.weight, std=0.1)  # quiet beside the features
        self.rnn = nn.LSTM(in_channels + embedding_dim, hidden_size, batch_first=True)
        self.classifier = nn.Linear(hidden_size, num_classes)

    def forward(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Teacher-forced logits.

        Args:
            features (Tensor): (N, T, D).
            tokens (Tensor): (N, T) previous characters, the start token first.

        Returns:
            Tensor: Logits (N, T, K).
        """
        return self.classifier(self.rnn(torch.cat([features, self.embedding(tokens)], -1))[0])

    def initial_state(self, batch: int, like: Tensor) -> tuple:
        """Zero hidden and cell states (N, H); the cell state is float32."""
        zeros = like.new_zeros(batch, self.rnn.hidden_size)
        return zeros, zeros.float()

    def step(self, feature: Tensor, previous: Tensor, state: tuple) -> tuple:
        """One step: feature (N, D), previous characters (N,) -> (logits (N, K), new state)."""
        hidden, cell = state
        inputs = torch.cat([feature, self.embedding(previous)], -1)
        gates = (F.linear(inputs, self.rnn.weight_ih_l0, self.rnn.bias_ih_l0)
                 + F.linear(hidden, self.rnn.weight_hh_l0, self.rnn.bias_hh_l0))
        state = lstm_pointwise(gates, cell)
        return self.classifier(state[0]), state
