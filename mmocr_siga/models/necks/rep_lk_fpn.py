from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import SqueezeExcite

# PaddleOCR's hard sigmoid, gentler than the trunk's.
_SLOPE = 0.2


@MODELS.register_module()
class RepLKFPN(BaseModule):
    """The detector's neck of PP-OCRv6 (arXiv 2606.13108): a feature pyramid with large kernels.

    Each map goes to ``channels`` with residual channel weights; coarser ones are added to finer
    ones from the top down; a depthwise 7x7 (several kernels in training there, one once merged) and
    1x1 bring each to a quarter of the channels, again with channel weights.

    Args:
        in_channels: Channels of the maps, from the finest, each half as large as the one before.
        channels: Channels of the result, a multiple of 16 and of the number of maps.
    """

    def __init__(self, in_channels: Sequence[int] = (48, 96, 192, 384), channels: int = 96,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        narrow = channels // len(in_channels)
        self.laterals = nn.ModuleList(
            ResidualExcite(nn.Conv2d(c, channels, 1, bias=False), channels) for c in in_channels)
        self.large = nn.ModuleList(
            nn.Conv2d(channels, channels, 7, padding=3, groups=channels) for _ in in_channels)
        self.narrow = nn.ModuleList(
            ResidualExcite(nn.Conv2d(channels, narrow, 1, bias=False), narrow)
            for _ in in_channels)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps (N, C_i, H / 2^i, W / 2^i) -> (N, channels, H, W), the coarsest's part first."""
        maps = [lateral(x) for lateral, x in zip(self.laterals, maps)]
        for i in range(len(maps) - 1, 0, -1):
            maps[i - 1] = maps[i - 1] + F.interpolate(maps[i], size=maps[i - 1].shape[-2:])
        size = maps[0].shape[-2:]
        parts = [narrow(large(x)) for narrow, large, x in zip(self.narrow, self.large, maps)]
        return torch.cat([F.interpolate(x, size=size) for x in reversed(parts)], 1)


class ResidualExcite(nn.Module):
    """A convolution, then its result plus its result with the channels weighted."""

    def __init__(self, conv: nn.Conv2d, channels: int) -> None:
        super().__init__()
        self.conv = conv
        self.excite = SqueezeExcite(channels, _SLOPE)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return x + self.excite(x)
