from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import ConfigType, InitConfigType
from torch import Tensor


@MODELS.register_module()
class RegionExtractor(BaseModule):
    """A RoI extractor for regions given by their Bezier borders, without compiled operators.

    Called as ``BezierRoIExtractor`` of MMOCR's ABCNet project, in whose place it stands: with the
    maps of a pyramid and, for each picture, instances with ``beziers``.

    Args:
        rectifier: A ``RegionRectifier`` for Bezier curves.
        featmap_strides: Strides of the maps, finest first; one map is chosen for each region.
        finest_scale: Regions are read from the first map up to a height of twice this many cells,
            from the next up to the double, and so on.
        key: What the instances' control points are called, (R, 16) each.
    """

    def __init__(self, rectifier: ConfigType = dict(  # noqa: B006
                     type='RegionRectifier', form='bezier_clockwise', size=(8, 32)),
                 featmap_strides: Sequence[int] = (4, ), finest_scale: int = 8,
                 key: str = 'beziers', init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.rectifier = MODELS.build(rectifier)
        self.featmap_strides = tuple(featmap_strides)
        self.finest_scale = finest_scale
        self.key = key

    def regions(self, feats: Sequence[Tensor],
                proposals: Sequence[InstanceData]) -> tuple[Tensor, Tensor]:
        """Control points (R, 16) of all pictures, and the picture of each, on the maps' device."""
        device = feats[0].device
        control = [torch.as_tensor(p[self.key]).reshape(-1, 16) for p in proposals]
        index = torch.arange(len(control)).repeat_interleave(
            torch.tensor([len(c) for c in control]))
        return (torch.cat([c.to(device).float() for c in control]),
                index.to(device, non_blocking=True))

    def forward(self, feats: Sequence[Tensor], proposals: Sequence[InstanceData]) -> Tensor:
        """Rectify the regions of all pictures out of maps (N, C, H_i, W_i): (R, C, h, w),
        picture by picture."""
        control, index = self.regions(feats, proposals)
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
        level = (height / self.finest_scale).clamp(min=1).log2().floor().long()
        level = level.clamp(max=len(outs) - 1)[:, None, None, None]
        return sum(out * (level == i) for i, out in enumerate(outs))
