import numpy as np
import pytest

from mmocr_siga.demo_page.drawing import boxed_word, drawn_scene, sample_word
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


def test_a_scene_shows_outlines_and_text():
    grey = np.full((200, 300, 3), 128, np.uint8)
    outline = [[20, 60], [120, 60], [120, 90], [20, 90]]
    picture = drawn_scene(grey, [(outline, 'Exit')], [[[200, 150], [250, 150], [250, 180]]])
    assert picture.shape == grey.shape and (grey == 128).all()
    changed = (picture != 128).any(2)
    assert changed[75, 20] and changed[75, 120] and not changed[75, 60]  # outline, not filled
    assert changed[40:57, 20:60].any()  # the label above it
    red = picture[150, 210].astype(int)
    assert changed[150, 210] and red[2] > red[1] + 50
    # Close together, the second label is left out.
    both = drawn_scene(grey, [(outline, 'Exit'), (outline, 'Other')])
    np.testing.assert_array_equal(both[:57], drawn_scene(grey, [(outline, 'Exit')])[:57])


def test_outlines_beyond_the_picture():
    picture = drawn_scene(np.zeros((30, 40, 3), np.uint8),
                          [([[-900, -900], [900, -900], [900, 900], [-900, 900]], 'a' * 90)])
    assert picture.shape == (30, 40, 3)


def test_samples_are_words():
    word = sample_word('Exit', (250, 250, 250), (0, 0, 0))
    assert word.shape[0] < word.shape[1] and 0.02 < (word < 100).all(2).mean() < 0.5
    assert (word[:10] == 250).all() and (word[:, -10:] == 250).all()
