import numpy as np
import pytest

from mmocr_siga.images.regions import regions_of_mask, visible_regions, warp_region_labels


def bars(*lefts, size=(32, 128), width=3, height=10):
    """A mask with an upright bar of 30 pixels at each place."""
    mask = np.zeros(size, np.uint8)
    for left in lefts:
        mask[4:4 + height, left:left + width] = 1
    return mask


def test_small_ones_are_dropped_and_the_others_ordered_by_their_mean_x():
    mask = bars(100, 5, 50)
    mask[4, 50] = 0  # 29 pixels
    mask[20:24, 20:30] = 1  # 40 pixels, mean x 24.5
    labels = regions_of_mask(mask)
    assert labels.dtype == np.uint8 and labels.max() == 3
    assert (labels[5, 5], labels[21, 25], labels[5, 101], labels[5, 51]) == (1, 2, 3, 0)


def test_the_leftmost_are_kept_and_equal_means_go_by_the_first_pixel():
    labels = regions_of_mask(bars(*range(0, 4 * 27, 4)))
    assert labels.max() == 26 and labels[5, 4 * 25] == 26 and labels[5, 4 * 26] == 0
    mask = np.zeros((32, 16), bool)
    mask[20:26, 5:10] = mask[2:8, 5:10] = True
    labels = regions_of_mask(mask)
    assert (labels[3, 6], labels[21, 6]) == (1, 2)


def test_corners_touch():
    mask = np.kron(np.eye(2, dtype=np.uint8), np.ones((5, 5), np.uint8))
    assert regions_of_mask(mask, min_pixels=26).max() == 1


@pytest.mark.parametrize('mask', [np.zeros((4, 6), bool), np.ones((1, 1), bool)])
def test_nothing_found(mask):
    assert not regions_of_mask(mask).any()


def test_labels_move_to_the_nearest_pixel():
    labels = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
    shift = np.array([[1, 0, 1.4], [0, 1, -1], [0, 0, 1]])
    np.testing.assert_array_equal(
        warp_region_labels(labels, shift), [[0, 5, 6, 7], [0, 9, 10, 11], [0, 0, 0, 0]])
    np.testing.assert_array_equal(warp_region_labels(labels, np.eye(3)), labels)
    # A homography that doubles: each pixel four times.
    twice = warp_region_labels(labels, np.diag([2., 2, 1]))
    np.testing.assert_array_equal(twice[:2], [[1, 1, 2, 2]] * 2)


# Region 1 has four columns, 2 has five: of these at least two and three must stay.
@pytest.mark.parametrize('shift, wanted', [
    (0, [1, 2]), (3, [1, 2]), (4, [1]), (14, [1]), (15, []), (-2, [1, 2]), (-3, [2]), (-12, [2]),
    (-13, [])])
def test_pairs_are_those_of_which_half_stays_in_view(shift, wanted):
    labels = np.zeros((4, 16), np.uint8)
    labels[:, 0:4], labels[:, 10:15] = 1, 2
    matrix = np.array([[1., 0, shift], [0, 1, 0], [0, 0, 1]])
    found = visible_regions(labels, warp_region_labels(labels, matrix), matrix)
    assert found.tolist() == wanted


def test_what_is_too_small_to_be_seen_is_no_pair():
    labels = np.zeros((8, 8), np.uint8)
    labels[:, 2:4] = 1
    matrix = np.diag([0.1, 1, 1])
    assert visible_regions(labels, warp_region_labels(labels, matrix), matrix).tolist() == []
