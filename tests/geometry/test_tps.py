import math

import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.geometry.tps import (
    fiducial_points,
    tps_grid_matrix,
    tps_matrix,
    warp_images,
    warp_masks,
)


def pixel_centers(height, width):
    """(x, y) of every pixel, row by row, in halves of the image from its middle."""
    return torch.tensor([((2 * i + 1 - width) / width, (2 * j + 1 - height) / height)
                         for j in range(height) for i in range(width)], dtype=torch.float64)


def test_points_run_along_the_top_then_along_the_bottom():
    want = [(-1, -1), (0, -1), (1, -1), (-1, 1), (0, 1), (1, 1)]
    assert fiducial_points(6).tolist() == [list(map(float, p)) for p in want]
    for count in (2, 7):
        with pytest.raises(ValueError, match=f'at least two rows.*got {count} in 2'):
            fiducial_points(count)


@pytest.mark.parametrize('rows', [2, 3])
def test_the_matrix_keeps_affine_maps(rows):
    places = torch.rand(20, 2, generator=torch.Generator().manual_seed(0)).double() * 4 - 2
    affine = torch.tensor([[2., 1.], [-1., 3.]]).double()
    points = fiducial_points(12, rows)
    assert torch.allclose(tps_matrix(places, 12, rows) @ (points @ affine + 7), places @ affine + 7)
    # Where the points are, it is exact.
    assert torch.allclose(tps_matrix(points, 12, rows), torch.eye(12).double(), atol=1e-4)


def test_the_matrix_is_that_of_a_spline_solved_point_by_point():
    points = fiducial_points(6)
    moved = points + torch.linspace(-.2, .2, 12).reshape(6, 2).double()
    system, right = np.zeros((9, 9)), np.zeros((9, 2))
    for i, (x, y) in enumerate(points.tolist()):
        system[i, :3] = 1, x, y
        system[6:, 3 + i] = x, y, 1
        for j, (u, v) in enumerate(points.tolist()):
            r = math.hypot(x - u, y - v)
            system[i, 3 + j] = r * r * math.log(r) if r else 0
        right[i] = moved[i].tolist()
    spline = np.linalg.solve(system, right)
    want = []
    for x, y in pixel_centers(3, 5).tolist():
        radii = [math.hypot(x - u, y - v) for u, v in points.tolist()]
        row = [1, x, y] + [r * r * math.log(r + 1e-6) for r in radii]
        want.append(row @ spline)
    np.testing.assert_allclose(tps_grid_matrix(3, 5, 6) @ moved, want, atol=1e-9)


def bent_grid(size=(32, 128)):
    noise = torch.Generator().manual_seed(0)
    points = fiducial_points(20) + 0.3 * torch.rand(20, 2, generator=noise).double() - 0.15
    return (tps_grid_matrix(*size, 20) @ points).float().reshape(1, *size, 2)


def test_a_mask_stays_on_its_word():
    image, grid = np.zeros((32, 128), np.uint8), bent_grid()
    cv2.putText(image, 'Word', (6, 24), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 3)
    image = torch.from_numpy(image).float()
    mask = image > 127
    warped = warp_images(image[None, None], grid)[0, 0] > 127
    got = warp_masks(mask[None], grid)[0]

    def overlap(a, b):
        return float((a & b).sum() / (a | b).sum())

    assert overlap(got, warped) > 0.9  # the edges of the letters are soft
    assert overlap(mask, warped) < 0.8  # had it stayed where it was
    assert torch.equal(got, warp_images(255. * mask[None, None], grid)[0, 0] > 127.5)


def test_beyond_the_border_the_image_goes_on():
    image = torch.arange(4.).reshape(1, 1, 1, 4).expand(1, 1, 3, 4)
    grid = torch.tensor([[[[-3., 0], [-1, 0], [1, 0], [9, 0]]]])
    assert warp_images(image, grid).flatten().tolist() == [0, 0, 3, 3]
    assert warp_masks(image[0] > 2, grid).flatten().tolist() == [False, False, True, True]


def test_dtypes_and_gradients():
    grid = bent_grid((4, 8)).requires_grad_()
    image = torch.arange(108.).reshape(1, 2, 6, 9) / 108
    assert warp_images(image.half(), grid).dtype == torch.half
    warp_images(image, grid).sum().backward()
    assert grid.grad.abs().sum() > 0
    assert not warp_masks(image[:, 0] > .5, grid).requires_grad
