from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..layers.conv_blocks import conv_bn_relu, deconv_bn_relu


class PyramidFusion(nn.Module):
    """The U-Net-like trunk that the glyph maps and the segmentation head share (SIGA, part 2).

    The coarse map goes through a 1x1 and a 3x3 convolution, is up-sampled, concatenated with the
    fine map and mixed by two 1x1 convolutions. ``in_channels`` are those of the fine and of the
    coarse map, ``channels`` those of both results; ``scale`` is the (height, width) ratio of the
    fine to the coarse map, 1 or 2 each.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 128,
                 scale: tuple[int, int] = (2, 2)) -> None:
        super().__init__()
        if len(in_channels) != 2:
            raise ValueError('in_channels lists the fine and the coarse map, two numbers, '
                             f'got {list(in_channels)}')
        fine, coarse = in_channels
        self.coarse = nn.Sequential(
            conv_bn_relu(coarse, coarse), conv_bn_relu(coarse, channels, 3, padding=1))
        self.up = deconv_bn_relu(channels, channels, scale)
        self.fine = nn.Sequential(
            conv_bn_relu(channels + fine, channels), conv_bn_relu(channels, channels))

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, C_fine, h, w) and (N, C_coarse, h / scale, w / scale) -> (fine, coarse)."""
        coarse = self.coarse(coarse)
        up = self.up(coarse)
        if up.shape[-2:] != fine.shape[-2:]:
            raise ValueError(
                f'the coarse map {tuple(coarse.shape[-2:])} up-sampled to {tuple(up.shape[-2:])} '
                f'does not match the fine map {tuple(fine.shape[-2:])}: check the scale, and that '
                'the image sides are multiples of the strides')
        return self.fine(torch.cat([up, fine], 1)), coarse
