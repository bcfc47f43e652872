from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import conv_bn_relu


@MODELS.register_module()
class GlyphUNet(BaseModule):
    """A small U-Net that finds the plain ink and the characters of a word, for its features.

    In the place of CRAFT in the perceptual loss of ODM: the encoder's maps are what a drawing is
    judged by, see ``GlyphPerceptualLoss``. ``tools/experiments/train_glyph_unet.py`` trains it.

    Args:
        channels: Of the maps of the encoder, each of half the size of the one before.
    """

    def __init__(self, channels: Sequence[int] = (32, 64, 128, 256),
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        widths = [3, *channels]
        self.stages = nn.ModuleList(_double(a, b) for a, b in zip(widths, widths[1:]))
        self.joins = nn.ModuleList(_double(a + b, a) for a, b in zip(channels, channels[1:]))
        self.classifier = nn.Conv2d(channels[0], 2, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Pictures (N, 3, H, W) -> maps (N, C_i, H / 2^i, W / 2^i) of the encoder."""
        maps = []
        for i, stage in enumerate(self.stages):
            x = stage(F.max_pool2d(x, 2) if i else x)
            maps.append(x)
        return tuple(maps)

    def draw(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps of the encoder -> logits (N, 2, H, W): plain ink, and nearness to the middle of a
        character."""
        x = maps[-1]
        for join, skip in zip(reversed(self.joins), reversed(maps[:-1])):
            x = join(torch.cat([skip, F.interpolate(x, skip.shape[2:], mode='nearest')], 1))
        return self.classifier(x)


def _double(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(conv_bn_relu(in_channels, out_channels, 3, padding=1),
                         conv_bn_relu(out_channels, out_channels, 3, padding=1))
