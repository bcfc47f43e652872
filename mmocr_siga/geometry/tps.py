"""Thin-plate splines for rectifying words, as pure functions.

N batch, F fiducial points, (H, W) the rectified image. Coordinates are (x, y) in [-1, 1]; -1 and 1
are the centers of the outermost pixels of the image that is sampled.
"""
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

# Added to each radius where the spline is evaluated, as in the reference's weights.
_EPSILON = 1e-6


def fiducial_points(count: int, rows: int = 2) -> Tensor:
    """Where the fiducial points of a rectified image lie, float64 (F, 2): F / rows along the top
    edge, then as many along each further row to the bottom edge, left to right. A ValueError if
    that are not at least two rows of at least two points."""
    if rows < 2 or count < 2 * rows or count % rows:
        raise ValueError('fiducial points lie in at least two rows of at least two points: got '
                         f'{count} in {rows} rows')
    x = torch.linspace(-1, 1, count // rows, dtype=torch.float64)
    y = torch.linspace(-1, 1, rows, dtype=torch.float64)
    return torch.stack([x.repeat(rows), y.repeat_interleave(count // rows)], 1)


def tps_grid_matrix(height: int, width: int, count: int) -> Tensor:
    """The linear map from fiducial points on an image to the sampling grid of a spline.

    A spline is linear in the points it goes through, so one matrix, float64 (H * W, F), stands for
    solving it and for evaluating it at every pixel, row by row (RARE, CVPR 2016, section 3.1).
    """
    x = (2 * torch.arange(width, dtype=torch.float64) + 1 - width) / width
    y = (2 * torch.arange(height, dtype=torch.float64) + 1 - height) / height
    return tps_matrix(torch.stack([x.repeat(height), y.repeat_interleave(width)], 1), count)


def tps_matrix(positions: Tensor, count: int, rows: int = 2) -> Tensor:
    """The linear map (M, F) of :func:`tps_grid_matrix` for positions, float64 (M, 2), anywhere;
    ``count`` and ``rows`` are those of :func:`fiducial_points`."""
    distance = torch.cdist(positions, fiducial_points(count, rows))
    kernel = distance ** 2 * (distance + _EPSILON).log()
    terms = torch.cat([positions.new_ones(len(positions), 1), positions, kernel], 1)
    return terms @ _tps_solution(count, rows)


@lru_cache(maxsize=16)
def _tps_solution(count: int, rows: int) -> Tensor:
    """Coefficients of the spline from its values at the points, (F + 3, F)."""
    points = fiducial_points(count, rows)
    ones = points.new_ones(count, 1)
    distance = torch.cdist(points, points)
    kernel = torch.where(distance > 0, distance ** 2 * distance.clamp(min=_EPSILON).log(), 0.)
    system = torch.cat([
        torch.cat([ones, points, kernel], 1),
        torch.cat([points.new_zeros(2, 3), points.T], 1),
        torch.cat([points.new_zeros(1, 3), ones.T], 1),
    ])
    # The last three right hand sides are zero: their columns of the inverse are not needed.
    return torch.linalg.inv(system)[:, :count]


def warp_images(images: Tensor, grid: Tensor) -> Tensor:
    """Sample images (N, C, H', W') bilinearly at coordinates (N, H, W, 2), in the images' dtype;
    outside them their border goes on."""
    warped = F.grid_sample(images.float(), grid.float(), mode='bilinear', padding_mode='border',
                           align_corners=True)
    return warped.to(images.dtype)


@torch.no_grad()
def warp_masks(masks: Tensor, grid: Tensor) -> Tensor:
    """Warp bool masks (N, H', W') as :func:`warp_images` does their images: a pixel is True where
    more than half of what it is sampled from is."""
    return warp_images(masks[:, None].to(grid.dtype), grid)[:, 0] > 0.5
