import numpy as np
import pytest

from mmocr_siga.rendering.fonts import FontLibrary, bundled_font_dir
from mmocr_siga.rendering.plates import ISSUERS, plate_board

FACE = FontLibrary.discover(''.join(sorted(set(''.join(ISSUERS)))), [bundled_font_dir()]).faces[0]
NUMBER = np.zeros((60, 200), np.uint8)
NUMBER[20:40, 30:80] = NUMBER[20:40, 110:170] = 255


def boards(ink, count):
    return [plate_board(np.random.default_rng(i), ink, 20, FACE) for i in range(count)]


def test_boards_around_a_number():
    emblems = []
    for board in boards(NUMBER, 150):
        assert board.shape == (60, 200, 3) and board.dtype == np.float32
        assert np.isfinite(board).all() and -60 < board.min() and board.max() < 320
        # Nothing but a slow ramp under the ink; print, stickers and rims are around it.
        assert np.abs(np.diff(board[22:38, 35:75], axis=1)).max() < 3
        emblems.append(np.abs(np.diff(board[25:35, 85:105], axis=1)).max() > 10)
    # In the widest gap.
    assert 0.15 < np.mean(emblems) < 0.45


@pytest.mark.parametrize('ink', [np.zeros((5, 9), np.uint8), np.full((4, 4), 255, np.uint8)])
def test_boards_without_room(ink):
    assert all(np.isfinite(b).all() and b.shape[:2] == ink.shape for b in boards(ink, 100))
