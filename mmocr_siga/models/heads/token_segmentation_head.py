from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..layers import conv_bn_relu, deconv_bn_relu


@MODELS.register_module()
class TokenSegmentationHead(BaseModule):
    """Text/background logits from tokens of several blocks of a vision transformer (CCD, ICCV
    2023).

    Each map is narrowed by itself; all are joined and enlarged twice by two.

    Args:
        in_channels: Channels E of the maps.
        taps: How many maps there are.
        channels: Channels while a map is narrowed, and of the joined map; a map brings half of it.
    """

    def __init__(self, in_channels: int, taps: int = 3, channels: int = 128,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.parts = nn.ModuleList(
            nn.Sequential(conv_bn_relu(in_channels, channels, 3, padding=1),
                          conv_bn_relu(channels, channels // 2)) for _ in range(taps))
        self.up = nn.Sequential(
            deconv_bn_relu(taps * (channels // 2), channels, (2, 2)),
            deconv_bn_relu(channels, channels, (2, 2)))
        self.classifier = nn.Conv2d(channels, 2, 3, padding=1)

    def forward(self, feats: Sequence[Tensor]) -> Tensor:
        """Maps (N, E, h, w), one a tap -> logits (N, 2, 4h, 4w), channel 1 text."""
        if len(feats) != len(self.parts):
            raise ValueError(f'the head reads {len(self.parts)} maps and got {len(feats)}')
        joined = torch.cat([part(x) for part, x in zip(self.parts, feats)], 1)
        return self.classifier(self.up(joined))
