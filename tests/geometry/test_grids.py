"""Sampling grids against formulas written out point by point in float64."""
from math import comb, floor

import numpy as np
import pytest
import torch

from mmocr_siga.geometry.grids import bezier_borders, border_grid, jittered_borders, sample_regions

FEATURES = torch.zeros(1, 1, 2, 2)


def brute_grid(borders, height, width):
    """Point by point: along both borders by the share of the column, then down by that of the row.
    """
    count = borders.shape[2]
    out = np.zeros((len(borders), height, width, 2))
    for r, region in enumerate(borders):
        for j in range(width):
            at = (j + 0.5) / width * (count - 1)
            k = min(floor(at), count - 2)
            top, bottom = ((1 - (at - k)) * side[k] + (at - k) * side[k + 1] for side in region)
            for i in range(height):
                down = (i + 0.5) / height
                out[r, i, j] = (1 - down) * top + down * bottom
    return out


def brute_sample(features, grid, index, stride):
    out = np.zeros((len(grid), features.shape[1], *grid.shape[1:3]))
    height, width = features.shape[2:]
    for r in range(len(grid)):
        for i in range(grid.shape[1]):
            for j in range(grid.shape[2]):
                x, y = grid[r, i, j] / stride - 0.5
                x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
                for dy in (0, 1):
                    for dx in (0, 1):
                        column, row = floor(x) + dx, floor(y) + dy
                        if 0 <= column < width and 0 <= row < height:
                            weight = (1 - abs(x - column)) * (1 - abs(y - row))
                            out[r, :, i, j] += weight * features[index[r], :, row, column]
    return out


def random_borders(regions, points, extent):
    """Wavy regions, some partly or wholly outside."""
    rng = np.random.default_rng(3)
    return rng.uniform(-0.3 * extent, 1.3 * extent, (regions, 2, points, 2))


def test_a_grid_follows_both_borders():
    borders = random_borders(3, 5, 40)
    ours = border_grid(torch.tensor(borders), (4, 9))
    assert ours.dtype == torch.float64
    np.testing.assert_allclose(ours.numpy(), brute_grid(borders, 4, 9), atol=1e-12)


@pytest.mark.parametrize('pictures', [1, 3])
def test_samples_equal_interpolation_point_by_point(pictures):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(pictures, 2, 7, 11))
    borders = random_borders(5, 3, 40)
    index = np.array([0, 2, 1, 2, 0]) % pictures
    grid = brute_grid(borders, 3, 4)
    ours = sample_regions(torch.tensor(features), torch.tensor(grid), torch.tensor(index), 4)
    np.testing.assert_allclose(ours.numpy(), brute_sample(features, grid, index, 4), atol=1e-12)


def test_many_pictures_stay_apart_in_float32():
    features = torch.arange(200.)[:, None, None, None].expand(200, 1, 2, 2)
    index = torch.arange(199, -1, -1)
    out = sample_regions(features, torch.ones(200, 1, 1, 2), index)
    torch.testing.assert_close(out.flatten(), index.float(), atol=1e-2, rtol=1e-5)


def test_bezier_curves_by_bernstein_polynomials():
    control = np.random.default_rng(1).normal(size=(2, 2, 4, 2))
    t = np.linspace(0, 1, 6)
    expected = sum(comb(3, i) * (t**i * (1 - t)**(3 - i))[:, None] * control[:, :, i, None]
                   for i in range(4))
    ours = bezier_borders(torch.tensor(control), 6)
    np.testing.assert_allclose(ours.numpy(), expected, atol=1e-12)
    flat = torch.tensor(control).flatten(1)
    torch.testing.assert_close(bezier_borders(flat, 6), ours)
    around = control.copy()
    around[:, 1] = around[:, 1, ::-1]
    torch.testing.assert_close(bezier_borders(torch.tensor(around), 6, clockwise=True), ours)


def test_jitter_stays_within_its_bounds_and_follows_the_word():
    straight = torch.tensor([[[[10., 0.], [60., 0.], [110., 0.]],
                              [[10., 20.], [60., 20.], [110., 20.]]]])
    assert torch.equal(jittered_borders(straight, 0, (0, 0)), straight)
    grown = jittered_borders(straight, 0, (0.1, 0.1))
    # A tenth of 20 pixels outwards on each side.
    torch.testing.assert_close(grown[0, 0, 0], torch.tensor([8., -2.]))
    torch.testing.assert_close(grown[0, 1, 2], torch.tensor([112., 22.]))
    torch.testing.assert_close(grown[0, 1, 1], torch.tensor([60., 22.]))
    many = straight.expand(4000, -1, -1, -1)
    moved = jittered_borders(many, 0.05, (0, 0), torch.Generator().manual_seed(0)) - many
    corners = moved[:, :, [0, 2]]
    assert corners.std().item() == pytest.approx(0.05 * 20, rel=0.03)
    # Between its ends a border stays straight.
    torch.testing.assert_close(moved[:, :, 1], corners.mean(2), atol=1e-4, rtol=0)


@pytest.mark.parametrize('call, message', [
    (lambda: border_grid(torch.zeros(4, 8), (2, 2)), r'\(R, 2, K, 2\).*\(4, 8\)'),
    (lambda: bezier_borders(torch.zeros(1, 12), 5), r'\(R, 16\), got \(1, 12\)'),
    (lambda: sample_regions(FEATURES, torch.zeros(2, 1, 1, 2), torch.zeros(3)), 'index of shape'),
])
def test_wrong_shapes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
