import cv2
import numpy as np
import pytest

from mmocr_siga.rendering import effects

BLOCK = np.zeros((32, 48), np.float32)
BLOCK[12:20, 10:30] = 1


def gray(value=100.0):
    return np.full((32, 48, 3), value, np.float32)


def test_by_hand():
    alpha = np.float32([[0, 0.25, 1]])
    blended = effects.blend(np.full((1, 3, 3), 100, np.float32), alpha, np.float32([0, 100, 200]))
    np.testing.assert_allclose(blended[0], [[100] * 3, [75, 100, 125], [0, 100, 200]])
    image = gray(50)
    image[BLOCK > 0] = [80, 90, 50]
    # Differences 30, 40, 0: norm 50, over sqrt(3).
    assert effects.separation(image, BLOCK) == pytest.approx(50 / 3 ** 0.5, rel=1e-5)
    values = np.float32([[[-5, 0.4, 0.6], [254.4, 254.6, 400]]])
    assert effects.to_uint8(values).ravel().tolist() == [0, 0, 1, 254, 255, 255]


def test_shift_by_whole_pixels():
    np.testing.assert_array_equal(effects.shifted(BLOCK, 3, -2)[10:18, 13:33], 1)
    assert effects.shifted(BLOCK, 3, -2).sum() == BLOCK.sum()
    assert effects.shifted(BLOCK, 100, 0).sum() == 0


def test_grown_by_whole_and_part_pixels():
    cross = cv2.dilate(BLOCK, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    np.testing.assert_array_equal(effects.grown(BLOCK, 1), cross)
    np.testing.assert_allclose(effects.grown(BLOCK, 0.5), (BLOCK + cross) / 2)
    assert effects.grown(BLOCK, -1).sum() == 6 * 18


def test_paint_is_near_the_glyphs_and_relief_at_their_edges(rng):
    for _ in range(10):
        for out in (effects.shadow(rng, gray(), BLOCK, 20),
                    effects.extrusion(rng, gray(), BLOCK, 20, np.float32([200, 50, 50]))):
            assert out[-1, -1].tolist() == [100] * 3 and (out != 100).any()
    light = effects.relief(rng, BLOCK, 16)
    assert np.abs(light).max() == pytest.approx(1)
    assert np.abs(light[:4]).max() < 1e-3 and abs(light[16, 20]) < 1e-3
    # Wear only removes paint.
    for out in (effects.worn(rng, BLOCK), effects.dotted(rng, BLOCK, 20)):
        assert (out <= BLOCK).all() and 0 < out.sum() < BLOCK.sum()


@pytest.mark.parametrize('contrast', [20.0, 60.0, 180.0])
def test_tone_leaves_legible_text(rng, contrast):
    image = effects.blend(gray(30), BLOCK, np.full(3, 30 + contrast, np.float32))
    for _ in range(30):
        out = effects.tone(rng, image, 0.05, effects.separation(image, BLOCK), image.mean((0, 1)))
        # 25 gray levels at most are spared; the gain is at least 0.5 * 0.94.
        assert effects.separation(out, BLOCK) >= 0.99 * min(contrast, 25) * 0.47


def test_blur_keeps_a_flat_picture_and_sharpening_overshoots_at_edges(rng):
    for sigma in 8 * [0.0, 0.5, 3.0]:
        np.testing.assert_allclose(effects.blurred(rng, gray(), sigma), 100, atol=1e-2)
    out = effects.sharpened(effects.blend(gray(50), BLOCK, np.full(3, 150, np.float32)), 1.0)
    assert out.max() > 155 and out.min() < 45 and out[0, -1, 0] == pytest.approx(50, abs=1e-3)


def test_noise_has_the_given_strength(rng):
    for _ in range(6):
        noise = effects.noisy(rng, np.zeros((200, 200, 3), np.float32), 8.0)
        assert noise.std() == pytest.approx(8, rel=0.05) and abs(noise.mean()) < 0.3


def test_lighting_scribble_and_jpeg_keep_the_shape(rng):
    for _ in range(20):
        image = effects.scribble(rng, effects.lighting(rng, gray()), np.float32([1, 2, 3]))
        assert image.shape == (32, 48, 3) and np.isfinite(image).all()
    assert effects.recompressed(effects.to_uint8(image), 30).shape == (32, 48, 3)
