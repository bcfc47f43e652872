import cv2
import numpy as np
import pytest

from mmocr_siga.rendering import backgrounds


def test_plain_board_has_the_base_color(rng):
    for _ in range(20):
        board = backgrounds.make_background(rng, (20, 60), np.float32([40, 90, 200]), 0.0, [])
        assert board.shape == (20, 60, 3) and board.dtype == np.float32
        assert np.abs(board.mean((0, 1)) - [40, 90, 200]).max() < 10


@pytest.mark.parametrize('shape', [(2, 2), (33, 7), (40, 300)])
def test_textures_and_ramps_have_the_shape_and_range(rng, shape):
    for _ in range(12):
        ramp = backgrounds.linear_ramp(rng, shape)
        assert np.abs(ramp).max() == pytest.approx(1, abs=1e-5)
        assert ramp.shape == backgrounds.texture(rng, shape).shape == shape
        assert backgrounds.smooth_noise(rng, shape, 4).shape == shape


def test_photo_piece_comes_from_the_photo(rng, tmp_path):
    cv2.imwrite(str(tmp_path / 'a.png'), np.full((50, 80, 3), (0, 77, 200), np.uint8))
    paths, _ = backgrounds.find_photographs(tmp_path)
    for shape in ((20, 70), (64, 400), (10, 5)):
        piece = backgrounds.photo_piece(rng, paths[0], shape)
        np.testing.assert_array_equal(piece, np.broadcast_to([0, 77, 200], (*shape, 3)))
    with pytest.raises(FileNotFoundError, match='no picture'):
        backgrounds.find_photographs(tmp_path / 'none')


def test_broken_photo_falls_back_to_a_texture(rng, tmp_path):
    broken = tmp_path / 'b.jpg'
    broken.write_bytes(b'x')
    assert backgrounds.photo_piece(rng, str(broken), (5, 5)) is None
    base = np.full(3, 128, np.float32)
    board = backgrounds.make_background(rng, (20, 60), base, 1.0, [str(broken)])
    assert board.std() > 1
