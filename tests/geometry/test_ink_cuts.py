"""Cuts against all that there are, and boxes of words whose ink is known."""
import itertools

import numpy as np
import pytest

from mmocr_siga.geometry.ink_cuts import ink_boxes, ink_cuts, ink_mask


def cost(mask, edges, widths, claims, evenness, claim):
    """The formula, term by term."""
    count = len(edges) - 1
    begin, end = edges[0], edges[-1]
    mean = (end - begin) / count
    share = [column.sum() / len(column) for column in mask.T]
    total = 0.0
    for k in range(count):
        width = (edges[k + 1] - edges[k]) / mean
        total += evenness * (width - widths[k] * count / sum(widths)) ** 2
        total -= claim * sum(claims[k][x] for x in range(edges[k], edges[k + 1]))
        if k:
            total += min(share[edges[k] - 1], share[edges[k]])
    return total


@pytest.mark.parametrize('count', [1, 2, 3, 4])
@pytest.mark.parametrize('known', [False, True])
def test_cuts_are_the_best_of_all(count, known):
    rng = np.random.default_rng(count)
    for _ in range(6):
        mask = rng.random((6, 14)) < 0.4
        mask[:, 2] |= rng.random(6) < 0.9
        mask[0, [2, 12]] = True
        mask[:, [0, 1, 13]] = False
        claims = rng.random((count, 14)) ** 3 if known else np.zeros((count, 14))
        claims /= max(1, claims.sum(1).max())
        widths = rng.uniform(0.5, 1.5, count) if known else np.ones(count)
        weights = (0.4, 0.8)
        best = min(cost(mask, [2, *inner, 13], widths, claims, *weights)
                   for inner in itertools.combinations(range(3, 13), count - 1)
                   if max(np.diff([2, *inner, 13])) <= np.ceil(
                       2.5 * 11 / count * max(1, max(widths) * count / sum(widths))))
        edges = ink_cuts(mask, count, widths if known else None, claims if known else None,
                         *weights)
        assert edges[0] == 2 and edges[-1] == 13 and (np.diff(edges) >= 1).all()
        assert cost(mask, edges, widths, claims, *weights) == pytest.approx(best, abs=1e-12)


def test_cells_have_a_greatest_width():
    mask = np.zeros((4, 40), bool)
    mask[:, [0, 39]] = True
    # The first one claims all of it; the others share evenly what it must leave.
    claims = np.zeros((4, 40))
    claims[0] = 1 / 40
    assert np.diff(ink_cuts(mask, 4, claims=claims, claim=99.0)).tolist() == [25, 5, 5, 5]


@pytest.mark.parametrize('ink, count, want', [
    ([], 4, [0, 5, 10, 15, 20]),  # none: even cells
    ([7, 8], 2, [7, 8, 9]),
    ([7, 8], 4, [0, 5, 10, 15, 20]),  # less ink than letters
    ([3, 4, 5], 1, [3, 6]),
    (range(20), 20, range(21)),
    ([5], 40, np.linspace(0, 20, 41).round()),  # less columns than letters
])
def test_little_ink(ink, count, want):
    mask = np.zeros((3, 20), bool)
    mask[:, list(ink)] = True
    assert ink_cuts(mask, count).tolist() == list(want)


def word(*letters, shape=(32, 128)):
    """A mask in which letters are blocks: left, top, right, bottom."""
    mask = np.zeros(shape, bool)
    for left, top, right, bottom in letters:
        mask[top:bottom, left:right] = True
    return mask


def test_boxes_by_hand():
    mask = word((20, 8, 40, 24), (50, 8, 60, 24))
    # As of glyph maps: a cell more on each side, and 0.3 of the gap of 10 in between.
    np.testing.assert_allclose(ink_boxes(mask, 'nr') * [128, 32, 128, 32],
                               [[19, 7, 44, 25], [46, 7, 61, 25]])
    assert ink_boxes(mask, '').shape == (0, 4)


def test_known_letters_and_claims_tell_where_no_gap_does():
    # 'mi' in one piece, whose right third is the i.
    mask = word((10, 8, 100, 24))
    alike, known = (ink_boxes(mask, text)[0, 2] * 128 for text in ('nn', 'mi'))
    assert alike == pytest.approx(56) and 72 < known < 76
    # Attention of the first letter to the left half of the picture.
    claims = np.repeat(np.eye(2)[:, [0, 1]] / 16, 16, 1)
    assert ink_boxes(mask, 'mi', claims)[0, 2] * 128 <= known - 1
    # The same, where the picture is the left half of a padded one, and seen from further away.
    padded = np.concatenate([claims, np.zeros((2, 32))], 1)
    back = np.array([[0.5, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(ink_boxes(mask, 'mi', padded, back), ink_boxes(mask, 'mi', claims))


def test_claims_of_a_turned_view():
    # Seen from the side, the lower row of the picture is the right half, the upper one the left.
    mask = np.zeros((32, 128), bool)
    mask[:16, 10:60], mask[16:, 60:110] = True, True
    claims = np.repeat(np.eye(2)[:, [0, 1]] / 16, 16, 1)
    turned = np.array([[0, 1.0, 0], [1.0, 0, 0]])
    assert ink_boxes(mask, 'il', claims, turned)[0, 2] * 128 == pytest.approx(61)


@pytest.mark.parametrize('count', [1, 3, 60])
@pytest.mark.parametrize('size', [(1, 1), (1, 90), (90, 1), (40, 2000)])
def test_any_picture_gives_ordered_boxes(size, count):
    rng = np.random.default_rng(count)
    for picture in (rng.integers(0, 256, size, np.uint8), np.full((*size, 3), 9, np.uint8)):
        mask = ink_mask(picture, count)
        assert mask.shape[0] == 32 and mask.shape[1] >= 2 * count
        boxes = ink_boxes(mask, 'x' * count)
        assert boxes.shape == (count, 4) and (boxes >= 0).all() and (boxes <= 1).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (np.diff(boxes[:, 0]) >= 0).all() and (np.diff(boxes[:, 2]) >= 0).all()
