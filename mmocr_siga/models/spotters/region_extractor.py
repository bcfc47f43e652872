from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import ConfigType, InitConfigType
from torch import Tensor

from ..layers.targets import to_device

FINEST_HEIGHT = 8  # in cells of the finest map; the next is taken from twice this on


@MODELS.register_module()
class RegionExtractor(BaseModule):
    """A RoI extractor for regions given by their Bezier borders, without compiled operators.

    In the place of ``BezierRoIExtractor`` of MMOCR's ABCNet project. Regions are read from the
    first map up to a height of 16 cells, from the next up to the double, and so on.

    Args:
        rectifier: A ``RegionRectifier`` for Bezier curves.
        featmap_strides: Strides of the maps, finest first.
    """

    def __init__(self, rectifier: ConfigType = dict(  # noqa: B006
                     type='RegionRectifier', form='bezier_clockwise', size=(8, 32)),
                 featmap_strides: Sequence[int] = (4, ), init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.rectifier = MODELS.build(rectifier)
        self.featmap_strides = tuple(featmap_strides)

    def forward(self, feats: Sequence[Tensor], proposals: Sequence[InstanceData]) -> Tensor:
        """Rectify the regions of all pictures, instances with ``beziers`` (R, 16), out of maps (N,
        C, H_i, W_i): (R, C, h, w), picture by picture."""
        control, index = control_points(proposals, feats[0].device)
        maps = feats[:len(self.featmap_strides)]
        outs = [self.rectifier(m, control, index, s) for m, s in zip(maps, self.featmap_strides)]
        if len(outs) == 1:
            return outs[0]
        # All maps are sampled, and one sample is chosen, so that nothing depends on the values.
        grid = self.rectifier.grid(control)
        # Between the middles of the first and the last row.
        rows = grid.shape[1]
        height = (grid[:, -1] - grid[:, 0]).norm(dim=-1).mean(-1) * rows / max(1, rows - 1)
        height = height / self.featmap_strides[0]
        level = (height / FINEST_HEIGHT).clamp(min=1).log2().floor().long()
        level = level.clamp(max=len(outs) - 1)[:, None, None, None]
        return sum(out * (level == i) for i, out in enumerate(outs))


def control_points(proposals: Sequence[InstanceData],
                   device: torch.device) -> tuple[Tensor, Tensor]:
    """The ``beziers`` (R, 16) of all pictures, and the picture of each."""
    control = [torch.as_tensor(p.beziers).reshape(-1, 16) for p in proposals]
    counts = torch.tensor([len(c) for c in control])
    index = torch.arange(len(control)).repeat_interleave(counts)
    return to_device(torch.cat(control).float(), device), to_device(index, device)
