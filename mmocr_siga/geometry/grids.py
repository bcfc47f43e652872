"""Regions of words as sampling grids, as pure functions.

N pictures, R regions of words, K points on each border, (H, W) a feature map, (h, w) a rectified
region. Points are (x, y) in pixels of the picture; the picture covers [0, width] x [0, height], so
the middle of its first pixel is (0.5, 0.5). A region has two borders, the top one (0) and the
bottom one (1), both in reading order.
"""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ['bezier_borders', 'border_grid', 'jittered_borders', 'sample_regions']


def bezier_borders(control: Tensor, count: int, clockwise: bool = False) -> Tensor:
    r"""Points (R, 2, K, 2) on two cubic Bezier curves at equal steps of their parameter.

    :math:`b(t) = \sum_i \binom{3}{i} t^i (1 - t)^{3 - i} c_i` (ABCNet, CVPR 2020, equation 1).

    Args:
        control: Control points (R, 2, 4, 2), or (R, 16): x and y interleaved, the top curve first.
        clockwise: Whether the control points run around the word, those of the bottom curve from
            right to left; else both curves run in reading order.
    """
    if control.dim() == 2 and control.shape[1] == 16:
        control = control.unflatten(1, (2, 4, 2))
    if control.dim() != 4 or control.shape[1:] != (2, 4, 2):
        raise ValueError('control points of two cubic curves are (R, 2, 4, 2) or (R, 16), got '
                         f'{tuple(control.shape)}')
    control = control.to(_precision(control))
    if clockwise:
        control = torch.stack([control[:, 0], control[:, 1].flip(1)], 1)
    t = torch.linspace(0, 1, count, dtype=control.dtype, device=control.device)
    weights = torch.stack([(1 - t)**3, 3 * t * (1 - t)**2, 3 * t**2 * (1 - t), t**3], 1)
    return torch.einsum('ki,rbic->rbkc', weights, control)


def border_grid(borders: Tensor, size: tuple[int, int]) -> Tensor:
    """Where the cells of a rectified region of ``size`` (h, w) lie in the picture, (R, h, w, 2).

    Columns divide both borders (R, 2, K, 2) into equal steps of their points, rows divide the line
    between the two points of a column. A cell is where its middle is. A ValueError if the borders
    have another shape or fewer than two points.
    """
    if borders.dim() != 4 or borders.shape[1] != 2 or borders.shape[3] != 2 or borders.shape[2] < 2:
        raise ValueError('the borders of regions are (R, 2, K, 2) with K >= 2, got '
                         f'{tuple(borders.shape)}')
    borders = borders.to(_precision(borders))
    options = dict(dtype=borders.dtype, device=borders.device)
    y, x = ((2 * torch.arange(side, **options) + 1) / side - 1 for side in size)
    cells = torch.stack(torch.meshgrid(x, y, indexing='xy'), -1)
    # Their points are a picture of two rows, x and y its channels.
    grid = F.grid_sample(borders.permute(0, 3, 1, 2), cells.expand(len(borders), -1, -1, -1),
                         padding_mode='border', align_corners=True)
    return grid.permute(0, 2, 3, 1)


def sample_regions(features: Tensor, grid: Tensor, index: Tensor, stride: float = 1) -> Tensor:
    """Sample feature maps (N, C, H, W) bilinearly, each region in its own picture: (R, C, h, w).

    One call for all regions: the pictures are the depth of a volume, and a region lies in a plane
    of it. Coordinates are worked out in the grid's precision, whatever the features'. Outside the
    maps their outermost cells go on. A ValueError if shapes do not fit together.

    Args:
        grid: Points in pixels of the pictures, (R, h, w, 2).
        index: long (R,), the picture of each region.
        stride: Pixels of the picture a cell of the maps stands for.
    """
    if features.dim() != 4 or grid.dim() != 4 or grid.shape[-1] != 2:
        raise ValueError('expected features (N, C, H, W) and a grid (R, h, w, 2), got '
                         f'{tuple(features.shape)} and {tuple(grid.shape)}')
    if index.shape != grid.shape[:1]:
        raise ValueError(f'expected the pictures of {grid.shape[0]} regions, got an index of shape '
                         f'{tuple(index.shape)}')
    count, channels, height, width = features.shape
    regions, rows, columns = grid.shape[:3]
    if regions == 0:
        # Still part of the graph.
        return features[:0, :, :1, :1].expand(0, channels, rows, columns)
    with torch.autocast(features.device.type, enabled=False):
        extent = grid.new_tensor([width * stride, height * stride])
        place = 2 * grid / extent - 1
        source = features.to(grid.dtype)
        options = dict(mode='bilinear', padding_mode='border', align_corners=False)
        if count == 1:
            out = F.grid_sample(source, place.flatten(0, 1)[None], **options)
            out = out.unflatten(2, (regions, rows))
        else:
            depth = (2 * index.to(place) + 1) / count - 1
            depth = depth[:, None, None, None].expand(-1, rows, columns, 1)
            volume = source.transpose(0, 1)[None]
            out = F.grid_sample(volume, torch.cat([place, depth], -1)[None], **options)
    return out[0].transpose(0, 1).to(features.dtype)


def jittered_borders(borders: Tensor, shift: float, grow: tuple[float, float],
                     generator: torch.Generator | None = None) -> Tensor:
    """Disturb regions (R, 2, K, 2), on the CPU, as an imperfect detector would.

    Each of the four corners moves by a normally distributed step of deviation ``shift``, and each
    of the four sides outwards by an evenly distributed one between those of ``grow``; what lies
    between follows. All are in units of the region's mean height.
    """
    regions, _, count, _ = borders.shape
    height = (borders[:, 0] - borders[:, 1]).norm(dim=-1).mean(-1)[:, None, None]
    options = dict(generator=generator, dtype=borders.dtype)
    corners = shift * torch.randn(regions, 2, 2, 2, **options)
    low, high = grow
    sides = low + (high - low) * torch.rand(regions, 4, 1, **options)
    down = (borders[:, 1] - borders[:, 0]).mean(1)
    along = (borders[:, :, -1] - borders[:, :, 0]).mean(1)
    down, along = (v / v.norm(dim=-1, keepdim=True).clamp(min=1e-6) for v in (down, along))
    corners[:, 0] -= (sides[:, 0] * down)[:, None]
    corners[:, 1] += (sides[:, 1] * down)[:, None]
    corners[:, :, 0] -= (sides[:, 2] * along)[:, None]
    corners[:, :, 1] += (sides[:, 3] * along)[:, None]
    share = torch.linspace(0, 1, count, dtype=borders.dtype)[:, None]
    steps = corners[:, :, :1] * (1 - share) + corners[:, :, 1:] * share
    return borders + steps * height[..., None]


def _precision(points: Tensor) -> torch.dtype:
    return torch.float64 if points.dtype == torch.float64 else torch.float32
