"""Character boxes of real words, and their comparison."""
import numpy as np
import pytest

from tests.helpers.word_sets import write_boxed_sets
from tools.analysis.boxed_words import (
    BoxCounts,
    boxed_words,
    count_matches,
    read_boxes,
)


@pytest.fixture
def data(tmp_path):
    return write_boxed_sets(tmp_path)


def test_boxes_of_both_kinds(data):
    text, boxes = read_boxes(data / 'real/iiit5k_train/char_boxes.tsv')['images/0.png']
    assert text == 'Abc'
    np.testing.assert_allclose(boxes, [[0, 0, .25, 1], [.25, .25, .5, .75], [.75, 0, 1, 1]])
    # A file that calls the first pixel 1.
    first, second = (read_boxes(data / 'real/iiit5k_train/char_boxes.tsv', first)['images/0.png'][1]
                     for first in (0, 1))
    assert (second[1] < first[1]).all() and (boxed_words(data, 'val')[0][2][1] == second[1]).all()
    text, boxes = read_boxes(data / 'real/ic03_train/char_boxes.tsv')['images/0.png']
    assert text == "Ab'c"
    np.testing.assert_allclose(boxes[2:], [[.5, 0, .75, 1], [.75, 0, 1, 1]])


def test_words_whose_boxes_fit_their_labels(data):
    listed = boxed_words(data, 'val')
    assert [(p.parent.parent.name, t) for p, t, _ in listed] == [
        ('iiit5k_train', "Ab'c"), ('ic03_train', "Ab'c"), ('ic03_train', 'xy')]
    # The apostrophe's box is left out.
    np.testing.assert_allclose(listed[1][2], [[0, 0, .25, 1], [.25, 0, .5, 1], [.75, 0, 1, 1]])
    assert len(boxed_words(data, 'train', 1)) == 2
    file = data / 'real' / 'ic03_train' / 'char_boxes.tsv'
    file.write_text('images/0.png\tabc\t9\t9\t3\n')
    with pytest.raises(ValueError, match='line 1: 2 boxes for 3 characters'):
        read_boxes(file)


def test_matching_is_one_to_one_and_as_large_as_possible():
    true = np.array([[0, 0, 4, 4], [0, 0, 4, 3]])
    # Both true boxes agree with the first prediction, only the first with the second one.
    predicted = np.array([[0, 0, 4, 4], [0, 0, 4, 6], [9, 9, 10, 10]])
    got = count_matches(predicted, true, 0.6)
    assert got[:3] == (2, 3, 2) and got.overlap == pytest.approx(1 + 0.75)
    assert (got.precision, got.recall, got.f1) == (2 / 3, 1, 4 / 5)
    only = np.array([[False, True], [False, False], [True, True]])
    assert count_matches(predicted, true, 0.6, only).matched == 1


def test_overlaps_by_hand():
    true = np.array([[1, 0, 3, 2], [5, 5, 5, 9]])
    got = count_matches(np.array([[0, 0, 2, 2], [2, 0, 4, 4], [5, 5, 5, 9]]), true, 0.3)
    # IoU 2 / 6 and 2 / 10; boxes without an area have none.
    assert got[:3] == (1, 3, 2) and got.overlap == pytest.approx(1 / 3)
    # Words without boxes count.
    true = np.array([[0, 0, 1, 1]])
    none = count_matches(np.zeros((0, 4)), true)
    assert none == BoxCounts(0, 0, 1, 0) and none.f1 == BoxCounts().f1 == 0
    both = none.plus(count_matches(true, true))
    assert both == BoxCounts(1, 1, 2, 1) and both.f1 == 2 / 3
