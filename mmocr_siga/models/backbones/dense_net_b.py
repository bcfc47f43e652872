from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import conv_bn_relu


@MODELS.register_module()
class DenseNetB(BaseModule):
    """The DenseNet that reads formulas in CoMER (arXiv 2207.04410) and its forerunners.

    Three dense blocks of bottlenecks, between which channels and both sides are halved. Unlike
    DenseNet itself, each convolution comes before its normalization. With the defaults the channels
    are 48, 432, 216, 600, 300 and at last 684.

    Args:
        in_channels: Channels of the image; the paper's are gray.
        growth: Channels that each bottleneck adds.
        num_layers: Bottlenecks of a block.
        stem_channels: Channels of the first convolution.
        dropout: After both convolutions of a bottleneck, and in the transitions.
    """

    def __init__(self, in_channels: int = 3, growth: int = 24, num_layers: int = 16,
                 stem_channels: int = 48, dropout: float = 0.2,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.stem = conv_bn_relu(in_channels, stem_channels, 7, 2, 3)
        channels, parts = stem_channels, []
        for block in range(3):
            if block:
                parts.append(Transition(channels, channels // 2, dropout))
                channels //= 2
            for _ in range(num_layers):
                parts.append(Bottleneck(channels, growth, dropout))
                channels += growth
        self.blocks = nn.Sequential(*parts)
        self.norm = nn.BatchNorm2d(channels)
        self.out_channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) -> (N, ``out_channels``, H / 16, W / 16), rounded up."""
        x = F.max_pool2d(self.stem(x), 2, ceil_mode=True)
        return self.norm(self.blocks(x))


class Bottleneck(nn.Module):
    """``growth`` channels more."""

    def __init__(self, channels: int, growth: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            conv_bn_relu(channels, 4 * growth), nn.Dropout(dropout),
            conv_bn_relu(4 * growth, growth, 3, padding=1), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1)


class Transition(nn.Module):
    """Other channels, and half of both sides."""

    def __init__(self, channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(conv_bn_relu(channels, out_channels), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.layers(x), 2, ceil_mode=True)
