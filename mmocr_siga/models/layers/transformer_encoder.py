from __future__ import annotations

import torch
from mmocr.models.common import TFEncoderLayer
from torch import Tensor, nn

from .rotary import RotaryAttention


class TransformerEncoder(nn.Module):
    """Pre-norm Transformer layers and a last normalization.

    The layers are MMOCR's, which know no positions; or with ``rotary``, arguments of
    :class:`RotaryAttention` such as ``dict(base=100.)``, ours, which know how far apart tokens are
    and never hold the attention of all pairs. ``inner_channels`` are those of the feed-forward
    parts.
    """

    def __init__(self, channels: int, num_layers: int, num_heads: int, inner_channels: int,
                 dropout: float, rotary: dict | None = None) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f'{channels} channels are no multiple of {num_heads} heads')
        width = channels // num_heads
        self.rotary = rotary is not None
        self.layers = nn.ModuleList(
            RotaryLayer(channels, num_heads, inner_channels, dropout, **rotary) if self.rotary else
            TFEncoderLayer(channels, inner_channels, num_heads, width, width, dropout,
                           qkv_bias=True, act_cfg=dict(type='mmengine.ReLU'))
            for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, visible: Tensor | None = None,
                positions: Tensor | None = None) -> Tensor:
        """(N, P, D) -> (N, P, D).

        Args:
            visible: (1 or N, 1 or P, P) bool: what each may see.
            positions: With ``rotary``, where the tokens are, (1 or N, P, A), float32 or wider; None
                counts them from 0 along one axis.
        """
        if not self.rotary:
            for layer in self.layers:
                x = layer(x, visible)
            return self.norm(x)
        if positions is None:
            dtype = torch.promote_types(x.dtype, torch.float32)
            positions = torch.arange(x.shape[1], dtype=dtype, device=x.device)[:, None]
        angles = self.layers[0].attn.angles(positions) if self.layers else None
        for layer in self.layers:
            x = layer(x, angles, visible)
        return self.norm(x)


class RotaryLayer(nn.Module):
    """Self-attention with :class:`RotaryAttention` and a perceptron, each on the normalized tokens
    and added to them. Without angles nothing is turned: the tokens then have to know their places.
    """

    def __init__(self, channels: int, num_heads: int, inner_channels: int, dropout: float,
                 **rotary) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn = RotaryAttention(channels, num_heads, **rotary)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, inner_channels), nn.GELU(),
                                 nn.Linear(inner_channels, channels))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, angles: Tensor | None = None,
                visible: Tensor | None = None) -> Tensor:
        """Arguments as those of :meth:`RotaryAttention.forward`."""
        x = x + self.dropout(self.attn(self.norm1(x), angles, visible))
        return x + self.dropout(self.mlp(self.norm2(x)))
