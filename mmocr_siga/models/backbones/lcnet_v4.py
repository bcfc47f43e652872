from collections.abc import Sequence
from typing import Optional, Union

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import DeformableConv2d, SqueezeExcite, valid_columns

Samples = Union[Sequence[TextRecogDataSample], Tensor, None]  # or their valid_ratio (N,)


@MODELS.register_module()
class LCNetV4(BaseModule):
    """The trunk of PP-OCRv6 (arXiv 2606.13108), for words and for scenes, without normalization.

    A stem that quarters both sides and stages of blocks, each a depthwise convolution and two
    pointwise ones around a GELU. The published weights hold batch norms folded into convolutions,
    so the convolutions carry biases and nothing is normalized. The defaults are the recognizer's.

    Args:
        stem_channels: Channels inside and after the stem.
        depths: Blocks of each stage. In a stage of more than one block every other one, from the
            first and never the last, weighs its channels (squeeze-excite). Each stage after the
            first doubles the channels.
        strides: (height, width) stride between stages.
        out_indices: Stages whose maps are returned, all by default.
        deformable: Stages whose blocks' depthwise convolutions are deformable: weights of others
            fit, and read the same at first.
    """

    reads_samples = True  # a GlyphRecognizer hands them on

    def __init__(self, stem_channels: tuple[int, int] = (48, 96),
                 depths: Sequence[int] = (3, 6, 2),
                 strides: Sequence[tuple[int, int]] = ((2, 1), (2, 1)),
                 out_indices: Optional[Sequence[int]] = None, deformable: Sequence[int] = (),
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if len(strides) != len(depths) - 1:
            raise ValueError(f'{len(depths)} stages have {len(depths) - 1} strides between them, '
                             f'got {list(strides)}')
        self.out_indices = tuple(range(len(depths)) if out_indices is None else out_indices)
        self.stem = Stem(*stem_channels)
        channels = stem_channels[1]
        stages = []
        for index, (depth, stride) in enumerate(zip(depths, (None, *strides))):
            blocks = []
            if stride is not None:
                blocks.append(Downsample(channels, 2 * channels, stride))
                channels *= 2
            blocks += [Block(channels, excite=i % 2 == 0 and i + 1 < depth,
                             deformable=index in deformable) for i in range(depth)]
            stages.append(Stage(*blocks))
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor, data_samples: Samples = None) -> tuple[Tensor, ...]:
        """Images (N, 3, H, W) -> maps (N, C_i, H_i, W_i) of the stages in ``out_indices``: a
        quarter of each side after the first stage, divided by the strides after the next ones.
        Samples, or their ``valid_ratio`` (N,), tell deformable convolutions where it is padded."""
        # Everything behind goes on in this order, which takes a third of the time off on CPUs.
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        maps = []
        for stage in self.stages:
            x = stage(x, data_samples)
            maps.append(x)
        return tuple(maps[i] for i in self.out_indices)


class Stem(nn.Module):
    """Two convolutions of stride 2; between them 2x2 convolutions beside a 2x2 maximum."""

    def __init__(self, width: int, out_channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, width, 3, 2, 1)
        self.narrow = nn.Conv2d(width, width // 2, 2)
        self.widen = nn.Conv2d(width // 2, width, 2)
        self.second = nn.Conv2d(2 * width, width, 3, 2, 1)
        self.last = nn.Conv2d(width, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        padded = F.pad(x, (0, 1, 0, 1))  # what a 2x2 window sees past the right and lower edge
        strokes = self.widen(F.pad(self.narrow(padded).relu(), (0, 1, 0, 1))).relu()
        # After ReLU a padding of zeros never exceeds the maximum.
        x = torch.cat([F.max_pool2d(padded, 2, 1), strokes], 1)
        return self.last(self.second(x).relu()).relu()


class Stage(nn.Sequential):
    """Blocks that are told of the samples."""

    def forward(self, x: Tensor, data_samples: Samples = None) -> Tensor:
        for block in self:
            x = block(x, data_samples)
        return x


class Downsample(nn.Module):
    """Depthwise 3x3 with a stride, then pointwise to ``out_channels``; no residual."""

    def __init__(self, in_channels: int, out_channels: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(in_channels, in_channels, 3, stride, 1, groups=in_channels)
        self.pointwise = pointwise(in_channels, out_channels)

    def forward(self, x: Tensor, data_samples: Samples = None) -> Tensor:
        return self.pointwise(self.depthwise(x))


class Block(nn.Module):
    """Depthwise 3x3 and channel weights, if any, then a pointwise residual after them."""

    def __init__(self, channels: int, excite: bool, deformable: bool = False) -> None:
        super().__init__()
        self.depthwise = (DeformableConv2d(channels, channels, depthwise=True) if deformable else
                          nn.Conv2d(channels, channels, 3, 1, 1, groups=channels))
        self.excite = SqueezeExcite(channels) if excite else nn.Identity()
        self.pointwise = pointwise(channels, channels)

    def forward(self, x: Tensor, data_samples: Samples = None) -> Tensor:
        if isinstance(self.depthwise, DeformableConv2d):
            x = self.depthwise(x, valid_columns(data_samples, x.shape[3], x.device))
        else:
            x = self.depthwise(x)
        x = self.excite(x)
        return x + self.pointwise(x)


def pointwise(in_channels: int, out_channels: int) -> nn.Sequential:
    """1x1 to twice the channels, GELU, 1x1 to ``out_channels``."""
    return nn.Sequential(nn.Conv2d(in_channels, 2 * in_channels, 1), nn.GELU(),
                         nn.Conv2d(2 * in_channels, out_channels, 1))
