"""What a word looks like and what it says, apart (after DARLING, CVPR 2024, of which no code and no
more than the idea is known: the layout is ours).

N pictures, P = h w places, D channels of the trunk, D_s and D_c of style and content, Q tokens.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmocr.models.textrecog.encoders import BaseEncoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ...structures.encodings import DisentangledFeatures
from ..layers import RotaryLayer
from ..layers.text_image_decoder import grid_sinusoids
from ..layers.token_maps import as_map, as_tokens

SPLITS = ('channels', 'tokens')
GRADIENTS = ('both', 'style', 'content')


def split_widths(total: int, style_share: float) -> tuple[int, int]:
    """Parts of style and content, D_s = round(``style_share`` D) and D - D_s, neither of them 0."""
    style = round(style_share * total)
    if not 0 < style_share < 1 or not 0 < style < total:
        raise ValueError(f'style_share is the part of style in {total}, more than 0 and less than '
                         f'1, so that style and content both have some, got {style_share}')
    return style, total - style


@MODELS.register_module()
class DisentangledEncoder(BaseEncoder):
    r"""Split the tokens of a trunk into style and content.

    A linear layer and Transformer layers of their own make each half; nothing goes from one to the
    other. Style also takes earlier maps :math:`T_l` of the trunk by gates, one after the other:

    .. math::
        S \leftarrow S + \sigma(W_l [S; V_l T_l]) \odot V_l T_l

    As an encoder it hands on the content as a map, which any decoder of this package reads as it
    reads others; :meth:`features` tells style as well.

    Args:
        in_channels: Channels of the backbone's maps: the taps T_l, and last D. Maps of several
            sizes, as convolutions give them, are brought to ``map_size``: averaged where they are
            larger, bilinearly where they are smaller.
        style_share: Part of style, 0.5 for halves.
        split: 'channels', both keep their place and share the D channels; or 'tokens', both have D
            channels and share as many learned queries as there are places in a picture of
            ``map_size``, each of which looks at the trunk once and remains without a place.
        blocks: Transformer layers of each half; ``inner_channels`` of the feed-forward parts are
            twice the channels unless given.
        trunk_gradient: From which half gradients reach the trunk: 'both', or one.
        map_size: (h, w), for the number of queries, and for maps of several sizes.
    """

    def __init__(self, in_channels: Sequence[int] = (128, 128, 128, 128, 128),
                 style_share: float = 0.5, split: str = 'channels', blocks: int = 2,
                 num_heads: int = 2, inner_channels: int | None = None, dropout: float = 0.,
                 trunk_gradient: str = 'both', map_size: Sequence[int] = (8, 32),
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        for name, value, known in (('split', split, SPLITS),
                                   ('trunk_gradient', trunk_gradient, GRADIENTS)):
            if value not in known:
                raise ValueError(f'{name} must be one of {known}, but is {value!r}')
        *taps, width = in_channels
        self.in_channels, self.split, self.map_size = tuple(in_channels), split, tuple(map_size)
        self.trunk_gradient = trunk_gradient
        self.style_channels, self.content_channels = self.widths(in_channels, style_share, split)
        for name, channels in (('style', self.style_channels), ('content', self.content_channels)):
            if channels % num_heads:
                raise ValueError(f'style_share {style_share} gives {channels} channels of {name}: '
                                 f'they must be a multiple of the {num_heads} heads')
        self.to_style = nn.Linear(width, self.style_channels)
        self.to_content = nn.Linear(width, self.content_channels)
        self.gates = nn.ModuleList(TapGate(self.style_channels, tap) for tap in taps)
        self.style_blocks, self.content_blocks = (
            nn.Sequential(
                *(RotaryLayer(channels, num_heads, inner_channels or 2 * channels, dropout)
                  for _ in range(blocks)),
                nn.LayerNorm(channels))
            for channels in (self.style_channels, self.content_channels))
        if split == 'tokens':
            counts = split_widths(math.prod(map_size), style_share)
            self.style_queries, self.content_queries = (
                TokenQueries(count, width) for count in counts)
            self.places = PlacesOfTokens(width)

    @staticmethod
    def widths(in_channels: Sequence[int], style_share: float = 0.5,
               split: str = 'channels') -> tuple[int, int]:
        """D_s and D_c."""
        if split == 'tokens':
            return in_channels[-1], in_channels[-1]
        return split_widths(in_channels[-1], style_share)

    def forward(self, feat: Sequence[Tensor],
                data_samples: Sequence[TextRecogDataSample] | None = None) -> Tensor:
        """Maps of the backbone -> content (N, D_c, h, w), or (N, D_c, 1, Q) of queries. Pictures
        are not padded: they fill what they are resized to."""
        *_, trunk = self._maps(feat)
        return self._content(self._seen(as_tokens(trunk), 'content'), trunk.shape[2:])

    def features(self, feat: Sequence[Tensor]) -> DisentangledFeatures:
        """Maps of the backbone -> style and content."""
        *taps, last = self._maps(feat)
        size, trunk = last.shape[2:], as_tokens(last)
        content = self._content(self._seen(trunk, 'content'), size)
        seen = self._seen(trunk, 'style')
        look = None
        if self.split == 'tokens':
            look = self.style_queries.look(seen)
            seen = self.style_queries.take(look, seen)
        source = style = self.to_style(seen)
        for gate, tap in zip(self.gates, taps):
            tap = as_tokens(self._seen(tap, 'style'))
            style = gate(style, tap if look is None else look @ tap)
        style = self.style_blocks(style)
        maps = [self.places(tokens, size) if look is not None else tokens
                for tokens in (style, source)]
        return DisentangledFeatures(content, style, *(as_map(each, size) for each in maps), last)

    def _maps(self, feat: Sequence[Tensor]) -> list[Tensor]:
        """The backbone's maps, of one size."""
        if tuple(each.shape[1] for each in feat) != self.in_channels:
            raise ValueError(f'DisentangledEncoder needs maps of {self.in_channels} channels, got '
                             f'{[tuple(each.shape) for each in feat]}: set its in_channels, and '
                             'the taps of the backbone')
        if len({each.shape[2:] for each in feat}) == 1:
            return list(feat)
        return [_resized(each, self.map_size) for each in feat]

    def _seen(self, features: Tensor, half: str) -> Tensor:
        return features if self.trunk_gradient in ('both', half) else features.detach()

    def _content(self, trunk: Tensor, size: torch.Size) -> Tensor:
        if self.split == 'tokens':
            trunk = self.content_queries.take(self.content_queries.look(trunk), trunk)
            size = (1, trunk.shape[1])
        return as_map(self.content_blocks(self.to_content(trunk)), size)


def _resized(feature: Tensor, size: tuple[int, int]) -> Tensor:
    pooled = F.adaptive_avg_pool2d(feature, [min(n) for n in zip(size, feature.shape[2:])])
    return F.interpolate(pooled, size, mode='bilinear', align_corners=False)


class TapGate(nn.Module):
    """Style (N, Q, D_s) takes what a gate lets through of a tap (N, Q, C)."""

    def __init__(self, channels: int, in_channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(in_channels)  # taps grow from block to block
        self.value = nn.Linear(in_channels, channels)
        self.gate = nn.Linear(2 * channels, channels)

    def forward(self, style: Tensor, tap: Tensor) -> Tensor:
        value = self.value(self.norm(tap))
        return style + torch.sigmoid(self.gate(torch.cat([style, value], -1))) * value


class TokenQueries(nn.Module):
    """Learned queries, each of which looks at the places of a map of D channels."""

    def __init__(self, count: int, channels: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(count, channels))
        self.key = nn.Linear(channels, channels)

    def look(self, trunk: Tensor) -> Tensor:
        """(N, P, D) -> attention (N, Q, P)."""
        energy = F.linear(self.key(trunk), self.queries) * trunk.shape[-1]**-0.5
        return energy.float().softmax(1).transpose(1, 2).to(trunk.dtype)

    def take(self, attention: Tensor, trunk: Tensor) -> Tensor:
        """(N, Q, P), (N, P, D) -> (N, Q, D), which know which query they are."""
        return attention @ trunk + self.queries


class PlacesOfTokens(nn.Module):
    """Places of a map look at tokens (N, Q, D) that have none: (N, P, D)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, size: torch.Size) -> Tensor:
        places = grid_sinusoids(*size, tokens.shape[2], tokens.device).to(tokens.dtype)
        query = self.query(places).expand(len(tokens), -1, -1)
        return F.scaled_dot_product_attention(query, self.key(tokens), tokens)
