from collections.abc import Sequence
from typing import Optional

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..layers import conv_bn_relu, deconv_bn_relu, recomputed
from ..necks import PyramidFusion


@MODELS.register_module()
class SegmentationHead(BaseModule):
    """Text/background logits at image resolution (SIGA, CVPR 2023, self-supervised segmentation).

    A U-Net-like decoder. Alone it fuses a backbone's pyramid in a trunk of its own, of
    ``channels``; beside a :class:`SIGAEncoder` it goes on from the encoder's fused map
    (``trunk=False``).

    Args:
        in_channels: Channels of the fine and the coarse map of the pyramid; without a trunk, those
            of the fused map, one number.
        trunk_scale: Ratio of the fine to the coarse map.
        skip_channels: Channels of a map at the first up-sampled size, 0 for none.
        up_channels: Channels after the trunk; ``channels`` unless given.
        scales: Up-samplings from the fused map to the image, 1 or 2 per axis.
        with_cp: Keep one map of each size in training and compute the rest again for the gradient.
    """

    def __init__(self, in_channels: Sequence[int], channels: int = 128, trunk: bool = True,
                 trunk_scale: tuple[int, int] = (2, 2), skip_channels: int = 0,
                 up_channels: Optional[int] = None, scales: Sequence[tuple[int, int]] = ((2, 2), ),
                 with_cp: bool = False, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.trunk = PyramidFusion(in_channels, channels, trunk_scale) if trunk else None
        if not trunk and len(in_channels) != 1:
            raise ValueError('without a trunk the head reads one fused map: in_channels takes one '
                             f'number, got {list(in_channels)}')
        fused = channels if trunk else in_channels[0]
        width = up_channels or channels
        self.skip_channels = skip_channels
        self.with_cp = with_cp
        self.up = deconv_bn_relu(fused, width, scales[0])
        self.mix = conv_bn_relu(width + skip_channels, width)
        self.finer = nn.Sequential(*(deconv_bn_relu(width, width, s) for s in scales[1:]))
        self.classifier = nn.Conv2d(width, 2, 1)

    def forward(self, feats: Sequence[Tensor], skip: Optional[Tensor] = None) -> Tensor:
        """Fine and coarse map, or the fused map alone (``trunk=False``), and the skip map
        (N, skip_channels, H', W'), if any -> logits (N, 2, H, W), channel 1 text.
        """
        if (skip is None) != (self.skip_channels == 0):
            raise ValueError(f'the head was built with skip_channels={self.skip_channels} and got '
                             f'{"no" if skip is None else "a"} skip map')
        fused = feats[0] if self.trunk is None else self.trunk(*feats)[0]
        inputs = () if skip is None else (skip, )
        if not self.with_cp:
            return self._classify(self.up(fused), *inputs)
        # In two parts, so that the backward pass has the large maps of one of them at a time.
        return recomputed(self, self._classify, recomputed(self, self.up, fused), *inputs)

    def _classify(self, *maps: Tensor) -> Tensor:
        x = torch.cat(maps, 1) if len(maps) > 1 else maps[0]
        return self.classifier(self.finer(self.mix(x)))
