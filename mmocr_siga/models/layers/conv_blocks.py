"""Convolutions with what follows them."""
from typing import Union

from torch import nn

Size = Union[int, tuple[int, int]]


def conv_bn_relu(in_channels: int, out_channels: int, kernel: Size = 1, stride: Size = 1,
                 padding: Size = 0, groups: int = 1) -> nn.Sequential:
    """Convolution without bias (the normalization carries one), batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))


def deconv_bn_relu(in_channels: int, out_channels: int, scale: tuple[int, int]) -> nn.Sequential:
    """Learned up-sampling by 1 or 2 per axis: 4-tap transposed convolution (3 taps where the scale
    is 1), batch norm, ReLU."""
    if any(s not in (1, 2) for s in scale):
        raise ValueError(f'up-sampling is by 1 or 2 per axis, got {tuple(scale)}')
    kernel = tuple(4 if s == 2 else 3 for s in scale)
    return nn.Sequential(
        nn.ConvTranspose2d(in_channels, out_channels, kernel, tuple(scale), padding=1, bias=False),
        nn.BatchNorm2d(out_channels), nn.ReLU(inplace=True))
