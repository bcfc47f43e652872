"""The attention LSTM decoder that SIGA uses four times, with one loop for training and reading.

N batch, w columns of the memory, D memory channels, H hidden units, T steps, K classes.
"""
from typing import Callable, NamedTuple, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .gated_fusion import GatedFusion
from .sequence_lstm import lstm_pointwise


class DecoderMemory(NamedTuple):
    """What stays the same over all steps, projected once."""

    memory: Tensor  # (N, w, D)
    keys: Tensor  # (N, w, H)
    blocked: Optional[Tensor]  # (N, w) bool, True where a column is padding
    token_gates: Tensor  # (K + 1, 4H): every character's share of the LSTM gates
    glyph_gate: Optional[Tensor]  # (N, T, D)
    glyph_squashed: Optional[Tensor]  # (N, T, D)


class StepOutput(NamedTuple):
    """One step of :class:`AttentionDecoder`, or all of them stacked along dimension 1."""

    hidden: Tensor  # (N, H)
    glimpse: Tensor  # (N, D), fused with the glyph feature where there is one
    attention: Tensor  # (N, w)


class AttentionDecoder(nn.Module):
    r"""Additive attention over a 1-D memory, an LSTM cell and a character classifier.

    .. math::
        e_t = w^\top \tanh(K m + Q h_{t-1} + b), \quad \alpha_t = \mathrm{softmax}(e_t), \quad
        c_t = \sum_j \alpha_{t, j} m_j

    With ``glyphs=True`` the glimpse :math:`c_t` and a glyph feature :math:`g_t` go through a
    :class:`GatedFusion` before they reach the cell (SIGA's glyph attention decoder).

    Args:
        memory_channels (int): Channels D of the memory.
        hidden_size (int): LSTM units H.
        num_classes (int): Classes K, the end token among them. The embedding has one row more:
            index K is the start token.
        embedding_dim (int, optional): Size of a character embedding. Defaults to ``hidden_size``.
        glyphs (bool): Whether each step fuses a glyph feature of D channels. Defaults to False.
    """

    def __init__(self, memory_channels: int, hidden_size: int, num_classes: int,
                 embedding_dim: Optional[int] = None, glyphs: bool = False) -> None:
        super().__init__()
        embedding_dim = embedding_dim or hidden_size
        self.num_classes = num_classes
        self.hidden_size = hidden_size
        self.key = nn.Linear(memory_channels, hidden_size, bias=False)
        self.query = nn.Linear(hidden_size, hidden_size)
        self.score = nn.Linear(hidden_size, 1, bias=False)
        self.rnn = nn.LSTMCell(memory_channels + embedding_dim, hidden_size)
        self.embedding = nn.Embedding(num_classes + 1, embedding_dim)
        self.classifier = nn.Linear(hidden_size, num_classes)
        self.fusion = GatedFusion(memory_channels) if glyphs else None
        self._initialise()

    def _initialise(self) -> None:
        """Start from an attention that has peaks, and from quiet characters.

        With PyTorch's defaults the first energies differ by some 0.03: attention is uniform, every
        glimpse the mean of the memory, and for tens of thousands of words the decoder learns to
        spell before it learns to look.
        """
        nn.init.xavier_uniform_(self.key.weight, gain=1.5)
        nn.init.xavier_uniform_(self.query.weight, gain=1.5)
        nn.init.xavier_uniform_(self.score.weight, gain=3.0)
        nn.init.normal_(self.embedding.weight, std=0.1)

    def prepare(self, memory: Tensor, glyphs: Optional[Tensor] = None,
                valid: Optional[Tensor] = None) -> DecoderMemory:
        """Project everything that no step changes.

        Args:
            memory (Tensor): (N, w, D).
            glyphs (Tensor, optional): Glyph features (N, T, D), if built with ``glyphs=True``.
            valid (Tensor, optional): (N, w) bool, False where a column is padding.
        """
        if (glyphs is None) != (self.fusion is None):
            raise ValueError('glyph features go together with glyphs=True, and only with it')
        channels = memory.shape[-1]
        token_gates = F.linear(self.embedding.weight, self.rnn.weight_ih[:, channels:],
                               self.rnn.bias_ih + self.rnn.bias_hh)
        gate, squashed = (None, None) if glyphs is None else self.fusion.project_second(glyphs)
        blocked = None if valid is None else ~valid
        return DecoderMemory(memory, self.key(memory), blocked, token_gates, gate, squashed)

    def initial_state(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Zero hidden and cell states (N, H); the cell state is float32."""
        zeros = memory.new_zeros(len(memory), self.hidden_size)
        return zeros, zeros.float()

    def step(self, prepared: DecoderMemory, state: tuple[Tensor, Tensor], token_gates: Tensor,
             t: int) -> tuple[tuple[Tensor, Tensor], StepOutput]:
        """One step.

        Args:
            prepared (DecoderMemory): From :meth:`prepare`.
            state (tuple): Hidden and cell states (N, H).
            token_gates (Tensor): (N, 4H), the rows of ``prepared.token_gates`` of the previous
                characters.
            t (int): The step, for the glyph feature.
        """
        hidden, cell = state
        energy = torch.tanh(prepared.keys + self.query(hidden).unsqueeze(1))
        scores = self.score(energy).squeeze(-1).float()
        if prepared.blocked is not None:
            scores = scores.masked_fill(prepared.blocked, float('-inf'))
        attention = scores.softmax(-1)
        glimpse = torch.bmm(attention.unsqueeze(1).to(prepared.memory.dtype),
                            prepared.memory).squeeze(1)
        if self.fusion is not None:
            glimpse = self.fusion.fuse(glimpse, prepared.glyph_gate[:, t],
                                       prepared.glyph_squashed[:, t])
        gates = (F.linear(glimpse, self.rnn.weight_ih[:, :glimpse.shape[-1]])
                 + F.linear(hidden, self.rnn.weight_hh) + token_gates)
        state = lstm_pointwise(gates, cell)
        return state, StepOutput(state[0], glimpse, attention)

    def forward(self, memory: Tensor, tokens: Tensor, glyphs: Optional[Tensor] = None,
                valid: Optional[Tensor] = None) -> tuple[Tensor, StepOutput]:
        """Teacher-forced pass over all columns of ``tokens``.

        Args:
            memory (Tensor): (N, w, D).
            tokens (Tensor): (N, T) previous characters, the start token first.
            glyphs (Tensor, optional): Glyph features (N, T, D).
            valid (Tensor, optional): (N, w) bool.

        Returns:
            tuple: Logits (N, T, K), and the hidden states, glimpses and attention of all steps,
            (N, T, H), (N, T, D) and (N, T, w).
        """
        prepared = self.prepare(memory, glyphs, valid)
        gates = F.embedding(tokens, prepared.token_gates)

        def step(state: tuple, previous: Tensor, t: int) -> tuple:
            return self.step(prepared, state, previous, t)

        outputs = unroll(step, self.initial_state(memory), tokens.shape[1],
                         lambda t, _: gates[:, t])
        stacked = StepOutput(*(torch.stack(part, 1) for part in zip(*outputs)))
        return self.classifier(stacked.hidden), stacked


def unroll(step: Callable, state: tuple, steps: int, previous: Callable,
           finished: Optional[Callable] = None) -> list:
    """The one decoding loop: teacher-forced or greedy, whatever ``previous`` makes of it.

    Args:
        step (Callable): ``step(state, previous, t) -> (state, output)``.
        state (tuple): Initial state.
        steps (int): Steps at most.
        previous (Callable): ``previous(t, last_output)`` gives what step t is fed; ``last_output``
            is None at t = 0.
        finished (Callable, optional): ``finished(t, output)`` tells after each step whether every
            word has ended. Defaults to None: all steps are run.

    Returns:
        list: The outputs of the steps that ran.
    """
    outputs = []
    output = None
    for t in range(steps):
        state, output = step(state, previous(t, output), t)
        outputs.append(output)
        if finished is not None and finished(t, output):
            break
    return outputs
