import math

import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.geometry.tps import fiducial_points, tps_grid_matrix, warp_images, warp_masks


def pixel_centres(height, width):
    """(x, y) of every pixel, row by row, in halves of the image from its middle."""
    return torch.tensor([((2 * i + 1 - width) / width, (2 * j + 1 - height) / height)
                         for j in range(height) for i in range(width)], dtype=torch.float64)


def test_points_run_along_the_top_then_along_the_bottom():
    want = [(-1, -1), (0, -1), (1, -1), (-1, 1), (0, 1), (1, 1)]
    assert fiducial_points(6).tolist() == [list(map(float, p)) for p in want]
    for count in (2, 7):
        with pytest.raises(ValueError, match=f'even and at least 4, got {count}'):
            fiducial_points(count)


@pytest.mark.parametrize('size', [(32, 128), (48, 160), (5, 7)])
def test_a_spline_reproduces_affine_maps(size):
    """Kernels vanish for an affine map of the points, which is then that of every pixel."""
    matrix = tps_grid_matrix(*size, 20)
    turn = torch.tensor([[math.cos(.3), -math.sin(.3)], [math.sin(.3), math.cos(.3)]]).double()
    shift = torch.tensor([0.2, -0.1]).double()
    grid = matrix @ (fiducial_points(20) @ turn + shift)
    torch.testing.assert_close(grid, pixel_centres(*size) @ turn + shift, atol=1e-5, rtol=0)


def test_a_spline_passes_through_its_points():
    """With pixel centres almost on the fiducial points the grid is almost at the moved ones."""
    height = width = 301
    moved = fiducial_points(4) + torch.tensor([[.1, .2], [-.1, 0], [.05, -.3], [0, .1]]).double()
    centres = pixel_centres(height, width)
    corners = [0, width - 1, width * (height - 1), width * height - 1]
    grid = tps_grid_matrix(height, width, 4)[corners] @ moved
    assert (centres[corners].abs() - 1).abs().max() < 4e-3
    torch.testing.assert_close(grid, moved, atol=0.02, rtol=0)


def test_a_nearly_empty_matrix_equals_a_loop():
    """Against the spline solved point by point."""
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
    for x, y in pixel_centres(3, 5).tolist():
        radii = [math.hypot(x - u, y - v) for u, v in points.tolist()]
        row = [1, x, y] + [r * r * math.log(r + 1e-6) for r in radii]
        want.append(row @ spline)
    np.testing.assert_allclose(tps_grid_matrix(3, 5, 6) @ moved, want, atol=1e-9)


def bent_grid(size=(32, 128), seed=0, bend=0.15):
    noise = torch.Generator().manual_seed(seed)
    points = fiducial_points(20) + bend * (2 * torch.rand(20, 2, generator=noise).double() - 1)
    return (tps_grid_matrix(*size, 20) @ points).float().reshape(1, *size, 2)


def word(size=(32, 128)):
    image = np.zeros(size, np.uint8)
    cv2.putText(image, 'Word', (6, size[0] - 8), cv2.FONT_HERSHEY_SIMPLEX, 1, 255, 3)
    return torch.from_numpy(image)


@pytest.mark.parametrize('seed', range(3))
def test_a_mask_stays_on_its_word(seed):
    image, grid = word(), bent_grid(seed=seed)
    mask = image > 127
    warped = warp_images(image[None, None].float(), grid)[0, 0] > 127
    got = warp_masks(mask[None], grid)[0]
    assert got.dtype == torch.bool and got.shape == (32, 128)

    def overlap(a, b):
        return float((a & b).sum() / (a | b).sum())

    assert overlap(got, warped) > 0.9  # the edges of the letters are soft
    two_tone = warp_images(255 * mask[None, None].float(), grid)[0, 0]
    assert torch.equal(got, two_tone > 127.5)
    assert overlap(mask, warped) < 0.8  # had it stayed where it was


def test_beyond_the_border_the_image_goes_on():
    image = torch.arange(4.).reshape(1, 1, 1, 4).expand(1, 1, 3, 4)
    grid = torch.tensor([[[[-3., 0], [-1, 0], [1, 0], [9, 0]]]])
    assert warp_images(image, grid).flatten().tolist() == [0, 0, 3, 3]
    assert warp_masks(image[0] > 2, grid).flatten().tolist() == [False, False, True, True]


def test_dtypes_and_gradients():
    grid = bent_grid((4, 8)).requires_grad_()
    image = torch.rand(1, 2, 6, 9)
    assert warp_images(image.half(), grid).dtype == torch.half
    warp_images(image, grid).sum().backward()
    assert grid.grad.abs().sum() > 0
    assert not warp_masks(image[:, 0] > .5, grid).requires_grad
