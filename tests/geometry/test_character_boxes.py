import itertools

import cv2
import numpy as np
import pytest

from mmocr_siga.geometry.character_boxes import (
    box_pixels,
    character_boxes,
    character_mask,
    label_boxes,
    monotone_cuts,
)


def blocks(*spans, shape=(32, 128), height=(8, 24)):
    """A map for each character that is 1 on columns [a, b) and rows of ``height``."""
    maps = np.zeros((len(spans), *shape), np.float32)
    for values, (a, b) in zip(maps, spans):
        values[height[0]:height[1], a:b] = 1
    return maps


def test_cuts_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    for count in (1, 2, 3, 4):
        claims = rng.random((count, 9))

        def value(edges, claims=claims):
            return sum(claims[k, a:b].sum() for k, (a, b) in enumerate(zip(edges, edges[1:])))

        best = max(value([0, *inner, 9]) for inner in
                   itertools.combinations(range(1, 9), count - 1))
        edges = monotone_cuts(claims)
        assert edges[0] == 0 and edges[-1] == 9 and (np.diff(edges) >= 1).all()
        assert value(edges) == pytest.approx(best)


def test_cells_have_a_least_width():
    claims = np.zeros((3, 12))
    claims[1] = 1
    assert (np.diff(monotone_cuts(claims, least=3)) >= 3).all()
    assert monotone_cuts(claims, least=3)[1] == 3
    # What does not fit is spread evenly.
    assert monotone_cuts(np.zeros((5, 12)), least=3).tolist()[-1] == 12


@pytest.mark.parametrize('maps, want', [
    # One cell more on each side, and 0.3 of the gap of 10 in between.
    (blocks((20, 40), (50, 60)), [[19, 7, 44, 25], [46, 7, 61, 25]]),
    # Top and bottom move towards those of the word.
    (np.concatenate([blocks((20, 40), height=(4, 24)), blocks((40, 60), height=(14, 24))]),
     [[19, 3, 41, 25], [39, 14 - 0.3 * 10 - 1, 61, 25]]),
])
def test_boxes_of_clear_maps_by_hand(maps, want):
    boxes = character_boxes(dict(fine=maps)) * [128, 32, 128, 32]
    np.testing.assert_allclose(boxes, want, atol=1e-9)


def test_both_scales_must_agree_whatever_their_resolution():
    wide, narrow = blocks((20, 60)), blocks((30, 50))
    both = character_boxes(dict(fine=narrow, coarse=wide))
    np.testing.assert_allclose(both, character_boxes(dict(fine=narrow)))
    small = blocks((8, 16), shape=(8, 32), height=(2, 6))
    off = character_boxes(dict(fine=small))[0] - [8 / 32, 2 / 8, 16 / 32, 6 / 8]
    assert (abs(off) <= [0.03, 0.1, 0.03, 0.1]).all()


def test_noise_apart_is_left_out_and_a_dot_is_kept():
    maps = blocks((60, 80))
    maps[0, 10:14, 2:6] = 1  # an edge far to the left
    assert character_boxes(dict(fine=maps))[0, 0] == pytest.approx(59 / 128)
    dotted = blocks((60, 66), height=(12, 26))
    dotted[0, 7:10, 60:66] = 1  # two rows above the stem
    assert character_boxes(dict(fine=dotted))[0, 1] == pytest.approx(6 / 32)


def test_boxes_stay_in_order_where_maps_mix_up_equal_letters():
    maps = blocks((20, 40), (50, 70))
    both = np.stack([maps[0] + 0.8 * maps[1], maps[1] + 0.8 * maps[0]])
    boxes = character_boxes(dict(fine=both))
    np.testing.assert_allclose(boxes, character_boxes(dict(fine=maps)), atol=0.01)


@pytest.mark.parametrize('count', [1, 2, 26, 90])
def test_any_maps_give_ordered_boxes_with_area(count):
    rng = np.random.default_rng(count)
    for maps in (rng.random((count, 16, 64)), np.zeros((count, 16, 64)),
                 rng.random((count, 16, 64)) ** 40):
        boxes = character_boxes(dict(fine=maps.astype(np.float32)))
        assert boxes.shape == (count, 4) and (boxes >= 0).all() and (boxes <= 1).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (np.diff(boxes[:, 0]) >= 0).all() and (np.diff(boxes[:, 2]) >= 0).all()


@pytest.mark.parametrize('back, want', [
    (np.eye(2, 3), [[19, 7, 44, 25], [46, 7, 61, 25]]),
    # The maps show the picture in their left half, the rest is padding.
    (np.array([[0.5, 0, 0], [0, 1, 0]]), [[39, 7, 88, 25], [92, 7, 121, 25]]),
    # The picture is what lies in the middle of them.
    (np.array([[0.5, 0, 0.125], [0, 0.5, 0.25]]), [[7, 0, 56, 32], [60, 0, 89, 32]]),
])
def test_boxes_of_the_picture_that_a_view_is_of(back, want):
    maps = blocks((20, 40), (50, 60))
    boxes = character_boxes(dict(fine=maps), valid_ratio=0.5, back=back) * [128, 32, 128, 32]
    np.testing.assert_allclose(boxes, want, atol=1.1 if back[0, 0] < 1 else 1e-4)


def test_boxes_of_a_turned_view_do_not_grow():
    maps = blocks((20, 40), (60, 80), height=(10, 22))
    want = character_boxes(dict(fine=maps)) * [128, 32, 128, 32]
    turn = cv2.getRotationMatrix2D((64, 16), 16, 1)
    seen = [cv2.warpAffine(values, turn, (128, 32)) for values in maps]
    back = np.array([[1 / 128], [1 / 32]]) * turn * [128, 32, 1]
    boxes = character_boxes(dict(fine=np.stack(seen)), back=back) * [128, 32, 128, 32]
    np.testing.assert_allclose(boxes, want, atol=1.5)
    # As bounds of boxes in the view they would.
    around = character_boxes(dict(fine=np.stack(seen))) * [128, 32, 128, 32]
    assert (around[:, 3] - around[:, 1] > want[:, 3] - want[:, 1] + 2).all()


def test_no_characters():
    assert character_boxes(dict(fine=np.zeros((0, 4, 8)))).shape == (0, 4)


def test_padding_holds_no_characters():
    maps = blocks((10, 30), (80, 128))
    maps[1, 8:24, 40:44] = 0.4  # what the second map shows of the picture
    boxes = character_boxes(dict(fine=maps), valid_ratio=0.5) * [128, 32, 128, 32]
    assert boxes[1, 2] <= 64 and boxes[1, 0] < 40 and boxes[0, 2] < 40
    rng = np.random.default_rng(0)
    for ratio in (0.1, 0.37, 0.99):
        boxes = character_boxes(dict(fine=rng.random((9, 8, 32))), valid_ratio=ratio)
        assert (boxes[:, 2] > boxes[:, 0]).all() and (boxes[:, 2] <= ratio).all()


GRID = np.stack(np.meshgrid(np.linspace(-1, 1, 128), np.linspace(-1, 1, 32)), -1)


@pytest.mark.parametrize('box, size, options, want', [
    ([0.25, 0.5, 0.5, 1], (200, 40), {}, [50, 20, 100, 40]),
    # Half of the input is padding: the same share is twice as far in the picture.
    ([0.25, 0.5, 0.5, 1], (200, 40), dict(valid_ratio=0.5), [100, 20, 200, 40]),
    ([0, 0, 1, 1], (7, 5), dict(valid_ratio=0.9), [0, 0, 7, 5]),
    ([0.25, 0.5, 0.5, 1], (200, 40), dict(grid=GRID), [50, 20, 100, 40]),
    # A preprocessor that looks at the right half only, and mirrors it.
    ([0.25, 0.5, 0.5, 1], (200, 40), dict(grid=GRID * [-0.5, 1] + [0.5, 0]), [150, 20, 175, 40])])
def test_pixels_of_the_picture(box, size, options, want):
    np.testing.assert_allclose(box_pixels([box], size, **options), [want],
                               atol=1.2 if want[0] == 150 else 1e-7)
    assert box_pixels([], size).shape == (0, 4)


def test_the_mask_tells_characters():
    maps = blocks((20, 40), (50, 60))
    background = 1 - maps.sum(0)
    mask = character_mask(dict(fine=maps), dict(fine=background), (256, 64))
    assert mask.shape == (64, 256) and mask.dtype == np.uint8
    expected = np.zeros((64, 256))
    expected[16:48, 40:80], expected[16:48, 100:120] = 1, 2
    np.testing.assert_array_equal(mask, expected)
    padded = character_mask(dict(fine=maps), dict(fine=background), (128, 64), valid_ratio=0.5)
    np.testing.assert_array_equal(padded, expected[:, :128])
    none = character_mask(dict(fine=maps[:0]), dict(fine=background), (9, 5))
    assert none.shape == (5, 9) and not none.any()


def test_boxes_of_numbers_by_hand():
    labels = np.zeros((32, 128), int)
    labels[8:24, 60:110] = 1
    labels[8:24, 10:20] = 7
    labels[8:10, 30:31] = 7  # a separate piece that weighs too little
    # From left to right, with a cell around and 0.3 of the gap of 40 between them.
    want = np.array([[9, 7, 33, 25], [47, 7, 111, 25]]) / [128, 32, 128, 32]
    np.testing.assert_allclose(label_boxes(labels), want)
    assert label_boxes(0 * labels).shape == (0, 4)
