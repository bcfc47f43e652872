"""Thin-plate splines for rectifying words, as pure functions.

N batch, F fiducial points, (H, W) the rectified image. Coordinates are (x, y) in [-1, 1]; -1 and 1
are the centers of the outermost pixels of the image that is sampled.
"""
import numpy as np
import torch
from scipy.interpolate import RBFInterpolator
from torch import Tensor
from torch.nn import functional as F


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


def tps_spline(values: np.ndarray, rows: int = 2) -> RBFInterpolator:
    """The thin-plate spline that takes the points of :func:`fiducial_points` to values (F, D), a
    function of positions, float64 (M, 2), anywhere."""
    points = fiducial_points(len(values), rows).numpy()
    return RBFInterpolator(points, values, kernel='thin_plate_spline')


def tps_grid_matrix(height: int, width: int, count: int) -> Tensor:
    """The linear map from fiducial points on an image to the sampling grid of a spline.

    A spline is linear in the points it goes through, so one matrix, float64 (H * W, F), stands for
    solving it and for evaluating it at every pixel, row by row (RARE, CVPR 2016, section 3.1).
    """
    y, x = ((2 * np.arange(size) + 1 - size) / size for size in (height, width))
    pixels = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    return torch.from_numpy(tps_spline(np.eye(count))(pixels))


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
