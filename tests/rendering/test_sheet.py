import numpy as np
import pytest

from mmocr_siga.rendering import contact_sheet


def test_words_are_scaled_into_their_cells():
    red, blue = (np.full((20, 30, 3), c, np.uint8) for c in ((0, 0, 255), (255, 0, 0)))
    sheet = contact_sheet([(red, 'one'), (blue, 'zwölf'), (red, '3')], columns=2, cell=(60, 40),
                          caption=14)
    assert sheet.shape == (2 * 60, 2 * 66, 3)
    # Twice as large, at the upper left of the cell.
    assert (sheet[3:43, 3:63] == (0, 0, 255)).all() and (sheet[3:43, 69:129] == (255, 0, 0)).all()
    assert (sheet[43:57, 3:63] < 200).any() and (sheet[60:, 66:] == 255).all()
    with pytest.raises(ValueError, match='at least one word'):
        contact_sheet([])
