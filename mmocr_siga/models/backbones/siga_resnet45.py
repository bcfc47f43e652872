from __future__ import annotations

from mmocr.models.textrecog.backbones import ResNetABI
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..layers import recomputed
from ..necks import ColumnNeck

_INIT = [dict(type='Xavier', layer='Conv2d'), dict(type='Constant', val=1, layer='BatchNorm2d')]


@MODELS.register_module()
class SIGAResNet45(ResNetABI):
    """ABINet's ResNet45 with the taps of SIGA_R and its 1-D memory (SIGA, CVPR 2023).

    Args:
        base_channels: Channels C of the stem and of the first stage; each stage doubles them.
        with_cp: Keep only the inputs of residual blocks and of what makes the columns in training,
            and compute the rest again when it is needed: less memory for more time.
    """

    def __init__(self, in_channels: int = 3, base_channels: int = 32,
                 with_cp: bool = False, init_cfg: InitConfigType = None) -> None:
        super().__init__(
            in_channels=in_channels, stem_channels=base_channels, base_channels=base_channels,
            arch_settings=[3, 4, 6, 6, 3], strides=[2, 1, 2, 1, 1], init_cfg=init_cfg or _INIT)
        # Normalization follows: a bias would do nothing.
        self.conv1 = nn.Conv2d(in_channels, base_channels, 3, padding=1, bias=False)
        self.with_cp = with_cp
        self.columns = ColumnNeck(16 * base_channels, 16 * base_channels)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Four maps of images (N, 3, H, W), H >= 28: (N, C, H, W), (N, 2C, H/2, W/2),
        (N, 8C, H/4, W/4) and the columns (N, 16C, 1, W/4)."""
        stem = self.relu1(self.bn1(self.conv1(x)))
        fine = self._stage(self.layer2, self._stage(self.layer1, stem))
        coarse = self._stage(self.layer4, self._stage(self.layer3, fine))
        last = self._stage(self.layer5, coarse)
        columns = recomputed(self.columns, self.columns, last) if self.with_cp else (
            self.columns(last))
        return stem, fine, coarse, columns

    def _stage(self, blocks: nn.Sequential, x: Tensor) -> Tensor:
        if not self.with_cp:
            return blocks(x)
        for block in blocks:
            x = recomputed(block, block, x)
        return x
