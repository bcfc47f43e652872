import numpy as np
import pytest

from mmocr_siga.visualization.canvas import character_colors, fitted, framed


def test_neighboring_colors_differ():
    colors = character_colors(26).astype(int)
    assert np.abs(np.diff(colors, axis=0)).sum(1).min() > 150
    assert character_colors(0).shape == (0, 3)


def test_frames_grow_with_the_word():
    white = np.full((20, 60, 3), 255, np.uint8)
    shown = fitted(white, (720, 240))
    boxes = [[0, 0, 30, 20], [40, 5, 50, 15], [np.nan] * 4]
    picture = framed(shown, boxes, white)
    assert picture.shape == (240, 720, 3) and (shown == 255).all()
    first, second, third = character_colors(3)
    for box, color in zip(([0, 0, 360, 240], [480, 60, 600, 180]), (first, second)):
        rows, columns = np.nonzero((picture == color).all(2))
        np.testing.assert_allclose(
            [columns.min(), rows.min(), columns.max(), rows.max()], box, atol=2)
    # A character whose place is unknown has none.
    assert not (picture == third).all(2).any()
    assert (framed(shown, (), white) == 255).all()


@pytest.mark.parametrize('shape', [(1, 3000, 3), (3000, 1, 3), (1, 1, 3), (32, 128, 3)])
def test_words_of_all_shapes_fit(shape):
    height, width = fitted(np.zeros(shape, np.uint8), (720, 240)).shape[:2]
    assert 1 <= height <= 240 and 1 <= width <= 720
