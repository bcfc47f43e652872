"""Convolutions whose taps move to where the picture tells them, without compiled operators.

N batch, C channels, (h, w) the map, (h', w') the output, k^2 taps, g groups of channels that share
offsets.
"""
from __future__ import annotations

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.utils import _pair

from ..pseudo_labels.functional import at_least_float32


def deformable_conv2d(x: Tensor, offset: Tensor, weight: Tensor, bias: Tensor | None = None,
                      mask: Tensor | None = None, stride: int | tuple[int, int] = 1,
                      padding: int | tuple[int, int] = 0,
                      dilation: int | tuple[int, int] = 1) -> Tensor:
    r"""Deformable convolution (Dai et al., ICCV 2017; v2: Zhu et al., CVPR 2019).

    .. math:: y(p) = \sum_k w_k\,m_k(p)\,x(p + p_k + o_k(p))

    where x at real places is interpolated between the four cells around, and 0 outside of the map.
    The results are those of ``torchvision.ops.deform_conv2d``, and its layouts; on a CPU this is
    faster, backward several times, runs under autocast, and exports to ONNX (GridSample, opset 16).

    Args:
        x: (N, C, h, w).
        offset: (N, 2 g k^2, h', w'), in cells of this map: of each group and tap, row by row, first
            down, then right.
        weight: (C', C / G, k, k); G groups of channels as those of ``conv2d``.
        mask: (N, g k^2, h', w'), what the taps are weighted by; None: 1.

    Returns:
        (N, C', h', w'), in the type that a convolution would give.

    Raises:
        ValueError: If the channels of offset or mask do not fit the taps, or their sizes the map.
    """
    (n, channels, h, w), (rows, columns) = x.shape, offset.shape[-2:]
    out_channels, share, *kernel = weight.shape
    taps = kernel[0] * kernel[1]
    groups = _offset_groups(x, offset, weight, mask, _pair(stride), _pair(padding), _pair(dilation))
    grid = _sampling_grid(offset.reshape(n * groups, taps, 2, rows, columns), (h, w), kernel,
                          _pair(stride), _pair(padding), _pair(dilation))
    # Places in half precision would be off by cells.
    maps = x.reshape(n * groups, channels // groups, h, w).to(grid.dtype)
    seen = F.grid_sample(maps, grid, mode='bilinear', padding_mode='zeros', align_corners=False)
    seen = seen.unflatten(2, (taps, rows)).to(x.dtype)
    if mask is not None:
        seen = seen * mask.reshape(n * groups, 1, taps, rows, columns)
    seen = seen.reshape(n, channels // share, share * taps, rows * columns)
    weight = weight.reshape(channels // share, -1, share * taps)
    out = torch.matmul(weight, seen).reshape(n, out_channels, rows, columns)
    return out if bias is None else out + bias.to(out.dtype)[:, None, None]


def _sampling_grid(offset: Tensor, size: tuple[int, int], kernel: list[int],
                   stride: tuple[int, int], padding: tuple[int, int],
                   dilation: tuple[int, int]) -> Tensor:
    """Offsets (M, k^2, 2, h', w') -> where the taps lie, (M, k^2 h', w', 2), float32 or wider, as
    ``grid_sample`` counts without aligned corners: -1 and 1 are the edges of the map."""
    offset = at_least_float32(offset)
    places = []
    for axis, length in enumerate(size):
        count = offset.shape[3 + axis]
        at = torch.arange(count, dtype=offset.dtype, device=offset.device) * stride[axis]
        tap = torch.arange(kernel[axis], dtype=offset.dtype, device=offset.device) * dilation[axis]
        at = (at - padding[axis])[:, None] if axis == 0 else at - padding[axis]
        tap = tap.repeat_interleave(kernel[1]) if axis == 0 else tap.repeat(kernel[0])
        place = offset[:, :, axis] + at + tap[:, None, None]
        places.append((2 * place + 1) / length - 1)
    return torch.stack(places[::-1], -1).flatten(1, 2)


def _offset_groups(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None,
                   *geometry: tuple[int, int]) -> int:
    """The number g of groups that share offsets, or a ValueError that says what does not fit."""
    kernel = weight.shape[2:]
    taps, size = kernel[0] * kernel[1], tuple(
        (side + 2 * padding - dilation * (length - 1) - 1) // stride + 1
        for side, length, stride, padding, dilation in zip(x.shape[2:], kernel, *geometry))
    groups = offset.shape[1] // (2 * taps)
    if groups == 0 or offset.shape[1] % (2 * taps) or x.shape[1] % groups:
        raise ValueError(f'{taps} taps need offsets of 2 x {taps} channels for each group of the '
                         f"map's {x.shape[1]}, but there are {offset.shape[1]}")
    wanted = (x.shape[0], groups * taps, *size)
    for name, given in (('offset', offset), ('mask', mask)):
        expected = (wanted[0], 2 * wanted[1], *size) if name == 'offset' else wanted
        if given is not None and tuple(given.shape) != expected:
            raise ValueError(f'the {name} must be {expected}, but is {tuple(given.shape)}')
    if x.shape[1] % weight.shape[1]:
        raise ValueError(f'a weight for {weight.shape[1]} channels does not fit a map of '
                         f'{x.shape[1]}')
    return groups


@MODELS.register_module()
class DeformableConv2d(BaseModule):
    """A convolution that predicts the offsets of its taps, see :func:`deformable_conv2d`.

    It begins as the ordinary convolution of its weights: offsets are 0 and masks, twice a sigmoid,
    1. Let ``conv_offset`` learn at a tenth of the rate, by ``paramwise_cfg=dict(custom_keys={
    'conv_offset': dict(lr_mult=0.1)})`` and no OneCycleLR, which takes no notice of it; and clip
    gradients, as offsets run away.

    Args:
        groups: Groups g of channels that share offsets.
        modulated: Whether taps are weighted by a mask, as in v2.
        depthwise: Whether each channel is convolved alone.
        residual: Whether the input is added, and the weight begins with 0: nothing changes at first
            where such a layer is put into a trained network. As a plug-in of MMOCR's ResNet, whose
            blocks take no other convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1,
                 padding: int = 1, groups: int = 1, modulated: bool = True,
                 depthwise: bool = False, residual: bool = False,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if in_channels % groups:
            raise ValueError(f'{in_channels} channels are no multiple of {groups} groups')
        self.stride, self.padding = stride, padding
        self.modulated, self.residual = modulated, residual
        convolution = nn.Conv2d(in_channels, out_channels, kernel_size,
                                groups=in_channels if depthwise else 1)
        self.weight, self.bias = convolution.weight, convolution.bias
        self.conv_offset = nn.Conv2d(in_channels, (3 if modulated else 2) * groups * kernel_size**2,
                                     kernel_size, stride, padding)
        self._begin()

    def _begin(self) -> None:
        zeros = [*self.conv_offset.parameters(), *([self.weight, self.bias] * self.residual)]
        for parameter in zeros:
            nn.init.zeros_(parameter)

    def init_weights(self) -> None:
        super().init_weights()
        self._begin()  # a backbone's init_cfg for convolutions has reached conv_offset

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """(N, C, h, w) -> (N, C', h', w'). Where ``valid`` (N, w) bool tells padding, taps find
        zeros, as outside of the map: a word does not depend on how far it is padded."""
        shown = x if valid is None else x * valid[:, None, None]
        offset, mask = self.conv_offset(shown), None
        if self.modulated:
            taps = offset.shape[1] // 3
            offset, mask = offset.split((2 * taps, taps), 1)
            mask = 2 * mask.sigmoid()
        out = deformable_conv2d(shown, offset, self.weight, self.bias, mask, self.stride,
                                self.padding)
        return x + out if self.residual else out
