from typing import Optional

from mmocr.models.common import TFEncoderLayer
from torch import Tensor, nn


class TransformerEncoder(nn.Module):
    """Pre-norm Transformer layers of MMOCR and a last normalization.

    ``inner_channels`` are those of the feed-forward parts.
    """

    def __init__(self, channels: int, num_layers: int, num_heads: int, inner_channels: int,
                 dropout: float) -> None:
        super().__init__()
        if channels % num_heads:
            raise ValueError(f'{channels} channels are no multiple of {num_heads} heads')
        width = channels // num_heads
        self.layers = nn.ModuleList(
            TFEncoderLayer(channels, inner_channels, num_heads, width, width, dropout,
                           qkv_bias=True, act_cfg=dict(type='mmengine.ReLU'))
            for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor, visible: Optional[Tensor] = None) -> Tensor:
        """(N, P, D) -> (N, P, D); ``visible`` (1 or N, 1 or P, P) bool: what each may see."""
        for layer in self.layers:
            x = layer(x, visible)
        return self.norm(x)
