import numpy as np
import pytest

from mmocr_siga.rendering.fonts import FontLibrary, bundled_font_dir
from mmocr_siga.rendering.plates import ISSUERS, plate_board

FACE = FontLibrary.discover(''.join(sorted(set(''.join(ISSUERS)))), [bundled_font_dir()]).faces[0]


def number(height=60, width=200):
    ink = np.zeros((height, width), np.uint8)
    ink[20:40, 30:80] = ink[20:40, 110:170] = 255
    return ink


def boards(ink, count=60):
    return [plate_board(np.random.default_rng(i), ink, 20, FACE) for i in range(count)]


def test_boards_are_pictures_of_the_size_of_the_ink():
    for board in boards(number()):
        assert board.shape == (60, 200, 3) and board.dtype == np.float32
        assert np.isfinite(board).all() and -60 < board.min() and board.max() < 320


def test_the_letters_lie_on_plain_ground():
    # Nothing but a slow ramp under the ink; print, stickers and rims are around it.
    for board in boards(number()):
        steps = np.abs(np.diff(board[22:38, 35:75], axis=1))
        assert steps.max() < 3


def test_emblems_are_in_the_widest_gap():
    changed = [np.abs(np.diff(b[25:35, 85:105], axis=1)).max() > 10 for b in boards(number(), 200)]
    assert 0.15 < np.mean(changed) < 0.45


@pytest.mark.parametrize('ink', [np.zeros((5, 9), np.uint8), np.full((4, 4), 255, np.uint8)])
def test_boards_without_room(ink):
    assert all(np.isfinite(b).all() and b.shape[:2] == ink.shape for b in boards(ink, 100))
