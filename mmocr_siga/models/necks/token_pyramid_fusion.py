import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..layers.conv_blocks import conv_bn_relu, deconv_bn_relu


@MODELS.register_module()
class TokenPyramidFusion(nn.Module):
    """The trunk of SIGA_T, whose maps all have the resolution of the patches (SIGA, CVPR 2023).

    Two taps are concatenated (coarse). That is up-sampled by two, concatenated with an earlier tap,
    likewise up-sampled, and mixed by a 3x3 convolution (fine). ``channels`` C are those of each
    part; the attribute has those of the results, C (fine) and 2C (coarse).
    """

    def __init__(self, in_channels: int = 768, channels: int = 128) -> None:
        super().__init__()
        self.channels = (channels, 2 * channels)
        self.parts = nn.ModuleList(
            nn.Sequential(conv_bn_relu(in_channels, channels, 3, padding=1),
                          conv_bn_relu(channels, channels)) for _ in range(2))
        self.up = deconv_bn_relu(2 * channels, channels, (2, 2))
        self.early = nn.Sequential(conv_bn_relu(in_channels, 2 * channels),
                                   deconv_bn_relu(2 * channels, channels, (2, 2)))
        self.fine = conv_bn_relu(2 * channels, channels, 3, padding=1)

    def forward(self, early: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Three taps (N, D, h, w) -> (fine (N, C, 2h, 2w), coarse (N, 2C, h, w))."""
        coarse = torch.cat([part(x) for part, x in zip(self.parts, (first, second))], 1)
        return self.fine(torch.cat([self.up(coarse), self.early(early)], 1)), coarse
