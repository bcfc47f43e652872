from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from mmocr.models.textrecog.encoders import BaseEncoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..layers import sinusoids, valid_columns


@MODELS.register_module()
class MapPositionEncoder(BaseEncoder):
    """A backbone's last map that knows where each of its cells is (CoMER, arXiv 2207.04410).

    Brought to ``channels``; sines and cosines of the column are added to the first half of them, of
    the row to the second, both counted from 1 and stretched to 2 pi over what is not padding; at
    last each cell is normalized.

    Args:
        in_channels: Channels of the map.
        channels: Channels D that the decoder reads, a multiple of 4.
    """

    def __init__(self, in_channels: int = 684, channels: int = 256,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.channels = channels
        self.reduce = nn.Conv2d(in_channels, channels, 1)
        self.norm = nn.LayerNorm(channels)

    def forward(self, feat: Tensor | Sequence[Tensor],
                data_samples: Sequence[TextRecogDataSample] | Tensor | None = None) -> Tensor:
        """A map (N, C, h, w), or several of which the last counts -> (N, D, h, w)."""
        x = self.reduce(feat if isinstance(feat, Tensor) else feat[-1]).permute(0, 2, 3, 1)
        valid = torch.ones_like(x[..., 0])
        columns = valid_columns(data_samples, valid.shape[-1], valid.device)
        if columns is not None:
            valid = valid * columns[:, None]
        places = torch.cat([sinusoids(_places(valid, side), self.channels // 2)
                            for side in (2, 1)], -1)
        return self.norm(x + places.to(x.dtype)).permute(0, 3, 1, 2)


def _places(valid: Tensor, side: int) -> Tensor:
    """How far along a side each cell (N, h, w) is, of 2 pi."""
    count = valid.float().cumsum(side)
    last = count.narrow(side, count.shape[side] - 1, 1)
    return count / (last + 1e-6) * (2 * math.pi)
