import numpy as np
import pytest

from mmocr_siga.demo_page.drawing import boxed_word, sample_word
from mmocr_siga.visualization.glyph_drawing import character_colours


def test_boxes_grow_with_the_word():
    white = np.full((20, 60, 3), 255, np.uint8)
    picture = boxed_word(white, [[0, 0, 30, 20], [40, 5, 50, 15]])
    assert picture.shape == (240, 720, 3)
    for box, colour in zip(([0, 0, 360, 240], [480, 60, 600, 180]), character_colours(2)):
        rows, columns = np.nonzero((picture == colour).all(2))
        np.testing.assert_allclose(
            [columns.min(), rows.min(), columns.max(), rows.max()], box, atol=2)
    assert (boxed_word(white, None) == 255).all() and (boxed_word(white, []) == 255).all()


@pytest.mark.parametrize('shape', [(1, 3000, 3), (3000, 1, 3), (1, 1, 3)])
def test_odd_words(shape):
    height, width = boxed_word(np.zeros(shape, np.uint8), None).shape[:2]
    assert 1 <= height <= 240 and 1 <= width <= 720


def test_samples_are_words():
    word = sample_word('Exit', (250, 250, 250), (0, 0, 0))
    assert word.shape[0] < word.shape[1] and 0.02 < (word < 100).all(2).mean() < 0.5
    assert (word[:10] == 250).all() and (word[:, -10:] == 250).all()
