from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor
from torch.nn import functional as F

from ...geometry.grids import bezier_borders, border_grid, sample_regions

FORMS = ('points', 'bezier', 'bezier_clockwise')
BEZIER_POINTS = 16  # that a curve is broken up into


@MODELS.register_module()
class RegionRectifier(BaseModule):
    """Straighten the regions of words out of feature maps, in plain torch.

    Cells of the result are sampled bilinearly on the lines between the borders above and below the
    word, as BezierAlign does (ABCNet, CVPR 2020, section 3.2), for any borders. Gradients reach the
    maps; coordinates are float32 under automatic mixed precision, too.

    Args:
        size: Height h and width w of the results.
        form: What the regions are given by: ``'points'`` on the borders, (R, 2, K, 2) with any K >=
            2, or control points of a cubic Bezier curve each, (R, 2, 4, 2) or (R, 16): ``'bezier'``
            with both curves in reading order, ``'bezier_clockwise'`` with the bottom one from right
            to left.
        samples: Samples per cell along each side, which are averaged.
    """

    def __init__(self, size: tuple[int, int] = (8, 32), form: str = 'points', samples: int = 1,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if form not in FORMS:
            raise ValueError(f'form must be one of {FORMS}, but is {form!r}')
        if min(*size, samples) < 1:
            raise ValueError(f'size and samples must be positive, got {tuple(size)} and {samples}')
        self.size, self.form, self.samples = tuple(size), form, samples

    def grid(self, regions: Tensor) -> Tensor:
        """Where the samples lie, in pixels of the picture: borders of R regions, see ``form``, ->
        (R, h * samples, w * samples, 2)."""
        with torch.autocast(regions.device.type, enabled=False):
            if self.form != 'points':
                regions = bezier_borders(regions, BEZIER_POINTS, self.form != 'bezier')
            return border_grid(regions, tuple(side * self.samples for side in self.size))

    def forward(self, features: Tensor, regions: Tensor, index: Tensor,
                stride: float = 1) -> Tensor:
        """Rectify R >= 0 regions out of maps (N, C, H, W): (R, C, h, w), in the maps' dtype.

        ``regions`` are in pixels of the pictures, of which a cell of the maps stands for
        ``stride``; ``index``, long (R,), says which picture each is in.
        """
        out = sample_regions(features, self.grid(regions), index, stride)
        return out if self.samples == 1 else F.avg_pool2d(out, self.samples)
