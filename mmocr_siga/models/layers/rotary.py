"""Rotary position embedding: attention that knows how far apart tokens are.

N batch, P tokens, D channels, d channels of a head, A axes (1 along a sequence, 2 in a picture).
"""
from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def rotary_angles(positions: Tensor, dim: int, base: float) -> Tensor:
    r"""By which angles each pair of channels is turned.

    Each axis has :math:`d / A` channels, the first axis the first ones; pair i of them is turned by
    :math:`m\,b^{-2iA/d}` at position m (Su et al., RoFormer, arXiv 2104.09864; in pictures: Heo et
    al., ECCV 2024, arXiv 2403.13298).

    Args:
        positions: (..., A), floating point, any real numbers.
        dim: Channels d of a head, a multiple of 2 A.
        base: Base b: 10000 for texts; for pictures 100, as the longest wave is about
            :math:`2 \pi b` tokens.

    Returns:
        (..., d / 2), in the type of the positions: not half precision, in which an angle at
        position 128 is off by a quarter.
    """
    axes = positions.shape[-1]
    if dim % (2 * axes):
        raise ValueError(f'heads of {dim} channels cannot be turned in pairs along {axes} axes: '
                         f'their width must be a multiple of {2 * axes}')
    pairs = dim // (2 * axes)
    rates = base ** (torch.arange(pairs, dtype=positions.dtype, device=positions.device) / -pairs)
    # Elementwise: autocast would make a matrix product of half precision.
    return (positions.unsqueeze(-1) * rates).flatten(-2)


def grid_positions(h: int, w: int, dtype: torch.dtype = torch.float32,
                   device: torch.device | None = None) -> Tensor:
    """(x, y) of the tokens of a map, row by row, counted from 0: (h * w, 2)."""
    y, x = torch.meshgrid(torch.arange(h, dtype=dtype, device=device),
                          torch.arange(w, dtype=dtype, device=device), indexing='ij')
    return torch.stack([x, y], -1).flatten(0, 1)


def axial_angles(h: int, w: int, dim: int, base: float, dtype: torch.dtype = torch.float32,
                 device: torch.device | None = None) -> Tensor:
    """Angles (h * w, d / 2) of the tokens of a map, row by row: the first half by x, the second by
    y. See :func:`rotary_angles`."""
    return rotary_angles(grid_positions(h, w, dtype, device), dim, base)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn channels (0, 1), (2, 3), ... of x (..., d) by angles whose cosines and sines
    (..., d / 2) broadcast.

    Neighbors are a pair, as in RoFormer, GPT-J and timm. Weights made for pairs (i, i + d / 2), as
    those of GPT-NeoX and of LLaMA in transformers, have the same shapes and read nonsense here: the
    rows of their query and key layers have to be put in this order first.
    """
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([first * cos - second * sin, first * sin + second * cos], -1)
    return turned.flatten(-2).to(x.dtype)


class RotaryAttention(nn.Module):
    """Multi-head self-attention whose queries and keys are turned by their tokens' positions.

    The layers have the names of timm's ``Attention``, so that its weights fit; ``base`` is that of
    :func:`rotary_angles`.
    """

    def __init__(self, dim: int, num_heads: int, base: float = 100.,
                 qkv_bias: bool = True) -> None:
        super().__init__()
        if dim % num_heads:
            raise ValueError(f'{dim} channels are no multiple of {num_heads} heads')
        self.num_heads = num_heads
        self.base = base
        self.qkv = nn.Linear(dim, 3 * dim, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def angles(self, positions: Tensor) -> Tensor:
        """Of tokens at positions (P, A), or (N, P, A): (..., P, d / 2)."""
        return rotary_angles(positions, self.proj.in_features // self.num_heads, self.base)

    def forward(self, x: Tensor, angles: Tensor | None = None,
                key_valid: Tensor | None = None) -> Tensor:
        """Relate tokens.

        Args:
            x: (N, P, D).
            angles: (P, d / 2), or (N, P, d / 2), of :meth:`angles`; None turns nothing.
            key_valid: Bool, False where a token is padding, (N, P), or for each query, (N or 1, P,
                P). None: none is.

        Returns:
            (N, P, D), also where a token is padding.
        """
        return attend(self, x, angles, key_valid)


def attend(attention: nn.Module, x: Tensor, angles: Tensor | None = None,
           key_valid: Tensor | None = None) -> Tensor:
    """:meth:`RotaryAttention.forward` by the layers of that class, or of timm's ``Attention``."""
    query, key, value = attention.qkv(x).unflatten(
        2, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
    if angles is not None:
        cos, sin = (f(angles).unsqueeze(-3) for f in (torch.cos, torch.sin))
        query, key = rotate(query, cos, sin), rotate(key, cos, sin)
    if key_valid is not None:
        key_valid = key_valid[:, None] if key_valid.dim() == 3 else key_valid[:, None, None]
    attended = F.scaled_dot_product_attention(query, key, value, key_valid)
    return attention.proj(attended.transpose(1, 2).flatten(2))
