import numpy as np
import pytest

from mmocr_siga.visualization import SheetWord, draw_word_sheet
from mmocr_siga.visualization.word_sheet import CELL, GAP, LINE


def red(picture):
    picture = picture.astype(int)
    return (picture[..., 2] - picture[..., 1] > 80) & (picture[..., 2] - picture[..., 0] > 80)


def test_words_lie_in_rows():
    green = np.full((10, 20, 3), (0, 255, 0), np.uint8)
    words = [SheetWord(green, 'label', 'read', 'set')] * 3
    sheet = draw_word_sheet(words, columns=2)
    step = (CELL[0] + GAP, CELL[1] + 2 * LINE + GAP)
    assert sheet.shape == (2 * step[1] + GAP, 2 * step[0] + GAP, 3)
    for i, (column, row) in enumerate(((0, 0), (1, 0), (0, 1), (1, 1))):
        x, y = GAP + column * step[0], GAP + row * step[1]
        # Twice as wide as high: 128 x 64 fits.
        shown = (sheet[y:y + CELL[1], x:x + CELL[0]] == (0, 255, 0)).all(2)
        assert shown.sum() == (128 * 64 if i < 3 else 0)
        caption = sheet[y + CELL[1]:y + CELL[1] + 2 * LINE, x:x + CELL[0]]
        # The label in black, below it the reading in red.
        assert (caption[:LINE].max(2) < 100).any() == red(caption[LINE:]).any() == (i < 3)
        assert not red(caption[:LINE - 2]).any()


def test_odd_words_are_drawn():
    wide, thin = np.zeros((1, 900), np.uint8), np.zeros((300, 1, 3), np.uint8)
    sheet = draw_word_sheet([
        SheetWord(None, '', ''), SheetWord(wide, 'x' * 200, 'y' * 200, 's' * 90),
        SheetWord(thin, '\u4e2d', 'a\tb')
    ])
    assert sheet.shape[1] == 3 * (CELL[0] + GAP) + GAP
    # Nothing runs into the neighbor or out of the sheet.
    assert (sheet[:, :GAP] == 255).all() and (sheet[:, -GAP + 1:] == 255).all()
    border = 2 * (CELL[0] + GAP)
    assert (sheet[:, border + 2:border + GAP] == 255).all()


@pytest.mark.parametrize('images, columns, message', [
    ([], 1, 'at least one word'), ([None], 0, 'at least one word and one column'),
    ([np.zeros((3, 0))], 1, 'no pixels')])
def test_what_cannot_be_drawn_is_refused(images, columns, message):
    with pytest.raises(ValueError, match=message):
        draw_word_sheet([SheetWord(image, 'a', 'b') for image in images], columns)


def test_labels_alone():
    red_word = np.full((20, 30, 3), (0, 0, 255), np.uint8)
    sheet = draw_word_sheet([SheetWord(red_word, 'zw\u00f6lf')] * 3, columns=2, cell=(60, 40))
    assert sheet.shape == (2 * (40 + LINE + GAP) + GAP, 2 * (60 + GAP) + GAP, 3)
    assert (sheet[GAP:GAP + 40, GAP:GAP + 60] == (0, 0, 255)).all()
    caption = sheet[GAP + 40:GAP + 40 + LINE, GAP:GAP + 60]
    assert (caption < 200).any() and not red(caption).any()
