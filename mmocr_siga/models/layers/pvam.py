"""Attention by reading order: all characters look at once.

N batch, T steps, P positions of a flattened map, C channels of the map, D channels inside.
"""
from typing import NamedTuple, Optional

import torch
from mmengine.model import BaseModule
from mmocr.models.common import PositionalEncoding
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from .additive_scores import additive_scores
from .transformer_encoder import TransformerEncoder

SCORES = ('additive', 'dot')


class ParallelGlimpses(NamedTuple):
    glimpses: Tensor  # (N, T, D)
    attention: Tensor  # (N, T, P), each row sums to 1


@MODELS.register_module()
class PVAM(BaseModule):
    r"""Parallel visual attention module of SRN (CVPR 2020, section 3.2).

    A Transformer encoder relates the positions of a map; then every step t of the reading order
    attends to them, not by a hidden state but by an embedding :math:`O_t` of its own, so that no
    step waits for another:

    .. math::
        e_{t,p} = w_e^\top \tanh(W_o O_t + W_v v_p), \quad
        \alpha_t = \mathrm{softmax}_p(e_t), \quad g_t = \sum_p \alpha_{t,p} v_p

    Args:
        channels: Channels D of the glimpses; a linear layer maps C to D where they differ.
        num_steps: Steps T, one more than a word has characters at most.
        num_layers: 0 attends to the map as it is, without positional encoding.
        inner_channels: Hidden channels of the feed-forward parts.
        score: 'additive' as above, or 'dot' for :math:`(W_o O_t)^\top W_v v_p / \sqrt D`, which
            costs a D-th of it.
        max_positions: Positions P at most, with Transformer layers.
    """

    def __init__(self, in_channels: int = 512, channels: int = 512, num_steps: int = 26,
                 num_layers: int = 2, num_heads: int = 8, inner_channels: int = 512,
                 dropout: float = 0.1, score: str = 'additive', max_positions: int = 1024,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if score not in SCORES:
            raise ValueError(f'score must be one of {SCORES}, but is {score!r}')
        self.max_positions = max_positions
        self.score_type = score
        self.reduce = nn.Linear(in_channels, channels) if in_channels != channels else None
        self.encoder = None
        if num_layers > 0:
            self.position = PositionalEncoding(channels, max_positions, dropout)
            self.encoder = TransformerEncoder(channels, num_layers, num_heads, inner_channels,
                                              dropout)
        self.order = nn.Embedding(num_steps, channels)
        self.query = nn.Linear(channels, channels, bias=False)
        self.key = nn.Linear(channels, channels, bias=score == 'additive')
        self.score = nn.Linear(channels, 1, bias=False) if score == 'additive' else None
        # Start from an attention that has peaks: a uniform one shows every step the same, and for
        # long nothing is learned but which characters are frequent.
        nn.init.xavier_uniform_(self.query.weight, gain=1.5)
        nn.init.xavier_uniform_(self.key.weight, gain=1.5)
        if self.score is not None:
            nn.init.xavier_uniform_(self.score.weight, gain=3.0)

    def forward(self, feature: Tensor, valid: Optional[Tensor] = None,
                guide: Optional[Tensor] = None, prior: Optional[Tensor] = None) -> ParallelGlimpses:
        """Look at a map.

        Args:
            feature: A map (N, C, h, w), or a sequence (N, P, C).
            valid: Columns (N, w) or positions (N, P), bool, False where the map shows padding.
            guide: (N, T', D), T' at most T, added to the embeddings of the first T' steps, which
                alone are computed: what is known of each character already.
            prior: (N, T', P), added to the energies of the first T' steps: where each character
                is expected, in logarithms.
        """
        if feature.dim() == 4:
            if valid is not None:
                valid = valid[:, None].expand(-1, feature.shape[2], -1).flatten(1)
            feature = feature.flatten(2).transpose(1, 2)
        memory = self._relate(feature, valid)
        order = self.order.weight
        for part in (guide, prior):
            order = order if part is None else order[:int(part.shape[1])]
        query = order[None] if guide is None else order + guide
        # Not self.query(query): tools that watch modules refuse a parameter for their input.
        energy = self._energies(F.linear(query, self.query.weight), self.key(memory))
        if prior is not None:
            energy = energy + prior
        if valid is not None:
            energy = energy.masked_fill(~valid[:, None], float('-inf'))
        attention = energy.softmax(-1)
        return ParallelGlimpses(torch.bmm(attention.to(memory.dtype), memory), attention)

    def _relate(self, sequence: Tensor, valid: Optional[Tensor]) -> Tensor:
        """(N, P, C) -> (N, P, D)."""
        if self.reduce is not None:
            sequence = self.reduce(sequence)
        if self.encoder is None:
            return sequence
        if sequence.shape[1] > self.max_positions:
            raise ValueError(f'the map has {sequence.shape[1]} positions, PVAM was built with '
                             f'max_positions={self.max_positions}')
        return self.encoder(self.position(sequence), None if valid is None else valid[:, None])

    def _energies(self, query: Tensor, key: Tensor) -> Tensor:
        """(1 or N, T, D), (N, P, D) -> float32 or wider (N, T, P)."""
        if self.score is None:
            query = query.expand(key.shape[0], -1, -1) * key.shape[-1]**-0.5
            energy = torch.bmm(query.to(key.dtype), key.transpose(1, 2))
        else:
            energy = additive_scores(query, key, self.score.weight[0])
        return energy if energy.dtype == torch.float64 else energy.float()
