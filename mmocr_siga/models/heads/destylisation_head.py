from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import conv_bn_relu

INIT = [dict(type='Kaiming', layer='Conv2d'), dict(type='Constant', val=1, layer='BatchNorm2d'),
        # Ink is a few per cent of a picture.
        dict(type='Normal', std=0.01, bias=-3, override=dict(name='ink'))]


@MODELS.register_module()
class DestylisationHead(BaseModule):
    """Draws the ink of the words asked for, at the size of the picture (ODM, CVPR 2024).

    Maps of several sizes are joined from the coarsest to the finest, each brought to ``channels``
    and added; a single map, as of MMOCR's ``FPNC``, is drawn from as it is. The last convolutions,
    1x1, come before the last enlargement to the nearest pixel, with which they commute.

    Args:
        in_channels: Of the maps, finest first, the one that has seen the prompt last; or of the
            single one.
        channels: Of the joined map.
        widths: Channels at half the size of the picture, after the 3x3 and the 1x1 convolution.
    """

    def __init__(self, in_channels: int | Sequence[int] = (256, 512, 1024, 2048, 512),
                 channels: int = 256, widths: tuple[int, int] = (128, 64),
                 init_cfg: InitConfigType = INIT) -> None:
        super().__init__(init_cfg=init_cfg)
        self.laterals = None
        if not isinstance(in_channels, int):
            self.laterals = nn.ModuleList(conv_bn_relu(c, channels) for c in in_channels)
            self.smooth = conv_bn_relu(channels, channels, 3, padding=1)
        else:
            channels = in_channels
        self.wide = conv_bn_relu(channels, widths[0], 3, padding=1)
        self.narrow = conv_bn_relu(*widths)
        self.ink = nn.Conv2d(widths[1], 1, 1)

    def forward(self, maps: Sequence[Tensor] | Tensor, size: tuple[int, int]) -> Tensor:
        """Maps (N, C_i, H_i, W_i), or one -> logits (N, 1, H, W) of pictures of a ``size`` (H, W),
        which is even."""
        x = maps if isinstance(maps, Tensor) else self._joined(maps)
        x = F.interpolate(x, size=(size[0] // 2, size[1] // 2), mode='nearest')
        logits = self.ink(self.narrow(self.wide(x)))
        return F.interpolate(logits, size=size, mode='nearest')

    def _joined(self, maps: Sequence[Tensor]) -> Tensor:
        x = None
        for lateral, level in zip(reversed(self.laterals), reversed(maps)):
            level = lateral(level)
            x = level if x is None else level + F.interpolate(x, level.shape[2:], mode='nearest')
        return self.smooth(x)
