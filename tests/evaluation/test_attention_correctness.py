import numpy as np
import pytest

from mmocr_siga.evaluation.attention_correctness import attention_in_boxes


def test_by_hand():
    # Two steps over 2 x 4 cells; the boxes: left half of the image, and the third column's top.
    attention = np.array([
        [[0.1, 0.2, 0.3, 0.0], [0.0, 0.4, 0.0, 0.0]],
        [[0.0, 0.0, 0.2, 0.0], [0.6, 0.0, 0.2, 0.0]],
    ])
    boxes = np.array([[0, 0, 0.5, 1], [0.5, 0, 0.75, 0.5]])
    share, drift = attention_in_boxes(attention, boxes)
    np.testing.assert_allclose(share, [0.7, 0.2])
    assert drift.tolist() == [False, True]


def test_mass_is_normalized_and_further_steps_are_left_out():
    rng = np.random.default_rng(0)
    attention = rng.random((5, 3, 7))
    boxes = np.sort(rng.random((2, 2, 2)), 1).reshape(2, 4)
    first = attention_in_boxes(attention, boxes)
    second = attention_in_boxes(9 * attention[:2], boxes)
    np.testing.assert_allclose(first[0], second[0])
    # Against points: the share of a fine grid that lies in the box, weighted by its cell.
    y, x = (np.arange(2100) + 0.5) / 2100, (np.arange(2100) + 0.5) / 2100
    for step, box, got in zip(attention, boxes, first[0]):
        inside = ((y >= box[1]) & (y < box[3]))[:, None] & ((x >= box[0]) & (x < box[2]))
        fine = step.repeat(700, 0).repeat(300, 1)
        assert got == pytest.approx(fine[inside].sum() / fine.sum(), abs=2e-3)


def test_a_cell_that_only_touches_the_box_has_drifted():
    attention = np.zeros((3, 1, 10))
    attention[:, 0, (2, 3, 6)] = np.eye(3)
    boxes = np.array([[0.3, 0, 0.6, 1]] * 3)
    assert attention_in_boxes(attention, boxes)[1].tolist() == [True, False, True]
    share, drift = attention_in_boxes(attention, boxes[:0])
    assert share.shape == drift.shape == (0, )


@pytest.mark.parametrize('attention, boxes, message', [
    (np.ones((1, 2, 3)), np.zeros((2, 4)), 'T >= 2'),
    (np.ones((2, 3)), np.zeros((2, 4)), r'but has \(2, 3\)'),
    (np.ones((2, 2, 3)), np.zeros((2, 2)), 'boxes must have'),
])
def test_bad_shapes_are_named(attention, boxes, message):
    with pytest.raises(ValueError, match=message):
        attention_in_boxes(attention, boxes)
