from typing import Optional

from mmocr.models.textrecog.layers import BasicBlock
from torch import Tensor, nn

from ..layers.conv_blocks import conv_bn_relu


class ColumnNeck(nn.Module):
    """Brings a map of eight rows down to one: the columns that SIGA's 1-D attention reads.

    Height is halved by pooling, which needs ``in_channels`` equal to ``channels``, or by a
    convolution; residual blocks and (2, 3) convolutions follow, of which one halves the height
    again; what rows are left are averaged (SIGA, CVPR 2023, SIGA_R and SIGA_T).
    """

    def __init__(self, in_channels: int, channels: int = 512, pool: bool = True) -> None:
        super().__init__()
        window = dict(stride=(2, 1), padding=(0, 1))
        if pool and in_channels != channels:
            raise ValueError(f'pooling keeps the {in_channels} channels of the map: set pool=False '
                             f'for {channels}')
        self.halve = (nn.MaxPool2d((2, 3), **window) if pool else
                      conv_bn_relu(in_channels, channels, (2, 3), **window))
        self.first = nn.Sequential(*(
            BasicBlock(channels, channels, use_conv1x1=True) for _ in range(2)))
        self.mix = conv_bn_relu(channels, channels, 3, padding=1)
        self.second = BasicBlock(channels, channels, use_conv1x1=True)
        self.rows = nn.Sequential(
            conv_bn_relu(channels, channels, (2, 3), **window),
            conv_bn_relu(channels, channels, (2, 3), padding=(0, 1)))

    def forward(self, x: Tensor, valid: Optional[Tensor] = None) -> Tensor:
        """(N, C_in, h, w) with h >= 7 -> (N, C, 1, w). With ``valid`` (N, w) bool the columns do
        not depend on padding, which is zero before each convolution as it is outside of a map."""
        if valid is None:
            x = self.second(self.mix(self.first(self.halve(x))))
            return self.rows(x).mean(2, keepdim=True)
        shown = valid[:, None, None]
        x = self.halve(x * shown) * shown
        for block in self.first:
            x = _residual(block, x, shown)
        x = _residual(self.second, self.mix(x) * shown, shown)
        for layer in self.rows:
            x = layer(x) * shown
        return x.mean(2, keepdim=True)


def _residual(block: BasicBlock, x: Tensor, shown: Tensor) -> Tensor:
    """A block whose second convolution, too, sees zeros for padding."""
    inner = block.relu(block.bn1(block.conv1(x))) * shown
    return block.relu(block.bn2(block.conv2(inner)) + x) * shown
