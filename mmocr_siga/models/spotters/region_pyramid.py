from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmocr.models.textrecog.layers import BasicBlock
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..layers import conv_bn_relu, deconv_bn_relu


@MODELS.register_module()
class RegionPyramid(BaseModule):
    """The maps that ``SIGAEncoder`` reads, made of a detector's rectified features alone.

    Args:
        in_channels: Channels C of the features.
        channels: Channels of the fine map (twice the size), the coarse one (the same size) and the
            one that the columns are made of (half the height).
    """

    def __init__(self, in_channels: int = 256, channels: Sequence[int] = (64, 128, 256),
                 init_cfg: InitConfigType = dict(type='Kaiming', layer='Conv2d')) -> None:  # noqa: B006
        super().__init__(init_cfg=init_cfg)
        fine, coarse, columns = channels
        self.coarse = nn.Sequential(conv_bn_relu(in_channels, coarse, 3, padding=1),
                                    BasicBlock(coarse, coarse, use_conv1x1=True))
        self.fine = deconv_bn_relu(coarse, fine, (2, 2))
        self.columns = nn.Sequential(conv_bn_relu(coarse, columns, (2, 3), (2, 1), (0, 1)),
                                     BasicBlock(columns, columns, use_conv1x1=True))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(R, C, h, w) with an even h -> (R, *, 2h, 2w), (R, *, h, w), (R, *, h / 2, w)."""
        coarse = self.coarse(features)
        return self.fine(coarse), coarse, self.columns(coarse)
