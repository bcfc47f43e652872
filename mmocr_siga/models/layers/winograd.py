"""3x3 convolutions with fewer multiplications, for reading on CPUs."""
from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Transforms of inputs, kernels and outputs by tile size, from Lavin and Gray, "Fast Algorithms for
# Convolutional Neural Networks" (CVPR 2016), section 4.
_TRANSFORMS = {
    2: ([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
        [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
        [[1, 1, 1, 0], [0, 1, -1, -1]]),
    4: ([[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
         [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]],
        [[1 / 4, 0, 0], [-1 / 6, -1 / 6, -1 / 6], [-1 / 6, 1 / 6, -1 / 6],
         [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]],
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]),
}


class WinogradConv2d(nn.Module):
    r"""A 3x3 convolution (stride 1, padding 1) by Winograd's minimal filtering.

    .. math:: Y = A^\top [(G k G^\top) \odot (B^\top d\, B)] A

    for every tile d of the input; the products over channels are matrix products. Tiles of 2 need
    2.25 times fewer multiplications than the plain sum, tiles of 4 four times fewer; the rest is
    additions, so it pays for wide layers. Rounding errors grow with the tiles.

    Args:
        convolution (nn.Conv2d): Whose weights are taken; see :meth:`fits`.
        tile (int): 2 or 4.

    Raises:
        ValueError: If the convolution or the tile is another.
    """

    def __init__(self, convolution: nn.Conv2d, tile: int) -> None:
        super().__init__()
        if tile not in _TRANSFORMS:
            raise ValueError(f'tile must be one of {sorted(_TRANSFORMS)}, but is {tile!r}')
        if not self.fits(convolution):
            raise ValueError(f'not a 3x3 convolution with stride 1 and padding 1: {convolution}')
        self.tile = tile
        weight = convolution.weight.detach()
        inputs, kernels, outputs = (torch.tensor(t, dtype=torch.float64, device=weight.device)
                                    for t in _TRANSFORMS[tile])
        kernel = torch.einsum('ij,ocjk,lk->ilco', kernels, weight.double(), kernels).flatten(0, 1)
        self.register_buffer('kernel', kernel.to(weight.dtype).contiguous())  # (a a, C, O)
        # Both dimensions of a tile at once.
        self.register_buffer('inputs', torch.kron(inputs, inputs).to(weight.dtype))
        self.register_buffer('outputs', torch.kron(outputs, outputs).to(weight.dtype))
        bias = convolution.bias
        self.register_buffer('bias', None if bias is None else bias.detach().clone())

    @staticmethod
    def fits(convolution: nn.Module) -> bool:
        """Whether a module is a convolution that this can do."""
        return (type(convolution) is nn.Conv2d and convolution.kernel_size == (3, 3)
                and convolution.stride == (1, 1) and convolution.padding == (1, 1)
                and convolution.dilation == (1, 1) and convolution.groups == 1
                and convolution.padding_mode == 'zeros')

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H, W), the channels last in memory."""
        height, width = x.shape[-2:]
        step, side = self.tile, self.tile + 2
        padded = F.pad(x, (1, 1 + -width % step, 1, 1 + -height % step)).permute(0, 2, 3, 1)
        tiles = padded.unfold(1, side, step).unfold(2, side, step)  # (N, h, w, C, a, a)
        batch, rows, columns, channels = tiles.shape[:4]
        tiles = tiles.permute(4, 5, 0, 1, 2, 3).reshape(side * side, -1)
        spectra = (self.inputs @ tiles).view(side * side, -1, channels)
        products = torch.bmm(spectra, self.kernel).view(side * side, -1)
        out = (self.outputs @ products).view(step, step, batch, rows, columns, -1)
        out = out.permute(2, 3, 0, 4, 1, 5).reshape(batch, rows * step, columns * step, -1)
        if self.bias is not None:
            out += self.bias
        return out[:, :height, :width].permute(0, 3, 1, 2)


class AdaptiveWinogradConv2d(nn.Module):
    """:class:`WinogradConv2d` with the tiles that take less time for the batch at hand.

    Tiles of 4 have the fewest multiplications, but four times the weights; for few tiles, to read
    these from memory takes longer than to multiply. So layers whose weights no cache holds keep
    both forms.

    Args:
        convolution (nn.Conv2d): Whose weights are taken; see :meth:`WinogradConv2d.fits`.
    """

    # Measured on a Xeon with AVX-512: 512 channels cross at about 24 tiles; weights of 256 channels
    # (9 MiB) are faster in tiles of 4 from 16 tiles on.
    TILES = 24
    CACHED = 16 << 20

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.large = WinogradConv2d(convolution, 4)
        kernel = self.large.kernel
        both = kernel.numel() * kernel.element_size() > self.CACHED
        self.small = WinogradConv2d(convolution, 2) if both else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H, W), the channels last in memory."""
        tiles = x.shape[0] * ceil(x.shape[2] / 4) * ceil(x.shape[3] / 4)
        few = self.small is not None and tiles < self.TILES
        return self.small(x) if few else self.large(x)
