"""Groups of segments, and groups of these, found by Transformers.

N words, S segments, K groups of a level, D channels.
"""
from __future__ import annotations

from collections.abc import Sequence
from math import pi

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..pseudo_labels.functional import at_least_float32
from .sinusoids import sinusoids

# Places along a word as waves of a sixteenth of it and longer.
_WAVES, _LONGEST = 32 * pi, 64.0


@MODELS.register_module()
class ClusteringTransformer(BaseModule):
    r"""Assign segments of a word to ordered groups, and these to groups of the next level (HSG, Ke
    et al., CVPR 2022, arXiv 2204.11432).

    On each level the tokens see each other, then one query per group sees the tokens. With
    :math:`z_s` the tokens and :math:`c_k` the queries by then, a token goes to group k with

    .. math:: P(k \mid s) = \operatorname{softmax}_k(c_k \cdot z_s / \sqrt{D}), \quad
        P(m \mid s) = \sum_k P(m \mid k) P(k \mid s),

    the tokens of a level being the groups before. Other than in the source, queries and segments
    know their place along the word, layers are normalized per token, before they compute, and what
    is padded changes nothing.

    Args:
        queries: The most groups of the first level, of which each word opens its own number.
        levels: Names of the levels; all but the first have two groups.
    """

    def __init__(self, dim: int = 32, heads: int = 4, encoder_layers: int = 2,
                 decoder_layers: int = 2, inner: int = 64, queries: int = 25,
                 levels: Sequence[str] = ('letter', 'word'),
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        sizes = dict.fromkeys(levels, 2)
        sizes[levels[0]] = queries
        self.queries = queries
        self.levels = nn.ModuleDict({
            name: _Level(dim, heads, encoder_layers, decoder_layers, inner, count)
            for name, count in sizes.items()})
        # Nobody reads the groups of the last level.
        self.levels[levels[-1]].feature = nn.Identity()

    def forward(self, tokens: Tensor, places: Tensor, valid: Tensor,
                groups: Tensor) -> dict[str, Tensor]:
        """Assign segments to groups.

        Args:
            tokens: (N, S, D).
            places: (N, S), where along the word they are, 0 to 1.
            valid: bool (N, S), False on what is no segment.
            groups: (N,), how many groups of the first level are open, from 1 on.

        Returns:
            Of each level, P (N, S, K), float32; rows of what is no segment mean nothing.
        """
        out: dict[str, Tensor] = {}
        below = None
        for name, level in self.levels.items():
            shares, tokens, places, valid = level(tokens, places, valid, groups)
            below = out[name] = shares if below is None else below @ shares
            groups = torch.full_like(groups, 2)
        return out


class _Level(nn.Module):
    """Assignment, features of groups, their places and which are open, of tokens."""

    def __init__(self, dim: int, heads: int, encoder_layers: int, decoder_layers: int, inner: int,
                 groups: int) -> None:
        super().__init__()
        options = dict(d_model=dim, nhead=heads, dim_feedforward=inner, dropout=0.0,
                       batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**options), encoder_layers,
                                             nn.LayerNorm(dim), enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**options), decoder_layers,
                                             nn.LayerNorm(dim))
        self.query = nn.Parameter(0.02 * torch.randn(groups, dim))
        self.place = nn.Linear(dim, dim)
        self.centroid = nn.Linear(dim, dim, bias=False)
        self.feature = nn.Linear(dim, dim)

    def forward(self, tokens: Tensor, places: Tensor, valid: Tensor,
                groups: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        count, dim = self.query.shape
        hidden = ~valid
        # Where there is nothing to see, one is seen: a softmax of nothing is NaN.
        hidden = torch.cat([hidden[:, :1] & valid.any(1, keepdim=True), hidden[:, 1:]], 1)
        seen = self.encoder(tokens + self._placed(places), src_key_padding_mask=hidden)
        index = torch.arange(count, device=tokens.device)
        centers = (index + 0.5).to(self.query.dtype) / groups[:, None]
        closed = index >= groups[:, None]
        found = self.decoder(self.query + self._placed(centers), seen, tgt_key_padding_mask=closed,
                             memory_key_padding_mask=hidden)
        scores = at_least_float32(self.centroid(found) @ seen.transpose(1, 2)) / dim ** 0.5
        shares = scores.masked_fill(closed[:, :, None], float('-inf')).softmax(1)
        return shares.transpose(1, 2), self.feature(found), centers, ~closed

    def _placed(self, places: Tensor) -> Tensor:
        weight = self.place.weight
        return self.place(sinusoids(_WAVES * places, len(weight), _LONGEST).to(weight.dtype))
