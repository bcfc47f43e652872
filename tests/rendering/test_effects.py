import cv2
import numpy as np
import pytest

from mmocr_siga.rendering import effects


@pytest.fixture
def rng():
    return np.random.default_rng(3)


@pytest.fixture
def block():
    alpha = np.zeros((32, 48), np.float32)
    alpha[12:20, 10:30] = 1
    return alpha


def grey(value=100.0):
    return np.full((32, 48, 3), value, np.float32)


def test_blend_ends_and_middle():
    alpha = np.float32([[0, 0.25, 1]])
    out = effects.blend(np.full((1, 3, 3), 100, np.float32), alpha, np.float32([0, 100, 200]))
    np.testing.assert_allclose(out[0], [[100] * 3, [75, 100, 125], [0, 100, 200]])


def test_shift_by_whole_pixels(block):
    np.testing.assert_array_equal(effects.shifted(block, 3, -2)[10:18, 13:33], 1)
    assert effects.shifted(block, 3, -2).sum() == block.sum()
    assert effects.shifted(block, 100, 0).sum() == 0


def test_grown_by_whole_and_part_pixels(block):
    cross = cv2.dilate(block, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3)))
    np.testing.assert_array_equal(effects.grown(block, 1), cross)
    np.testing.assert_allclose(effects.grown(block, 0.5), (block + cross) / 2)
    assert effects.grown(block, -1).sum() == 6 * 18


def test_paint_effects_leave_far_pixels_alone(rng, block):
    for _ in range(10):
        for out in (effects.shadow(rng, grey(), block, 20),
                    effects.extrusion(rng, grey(), block, 20, np.float32([200, 50, 50]))):
            assert out[-1, -1].tolist() == [100] * 3 and (out != 100).any()


def test_relief_is_flat_away_from_edges(rng, block):
    light = effects.relief(rng, block, 16)
    assert np.abs(light).max() == pytest.approx(1)
    assert np.abs(light[:4]).max() < 1e-3 and abs(light[16, 20]) < 1e-3


def test_worn_and_dotted_only_remove_paint(rng, block):
    for out in (effects.worn(rng, block), effects.dotted(rng, block, 20)):
        assert (out <= block).all() and 0 < out.sum() < block.sum()


def test_separation_by_hand(block):
    image = grey(50)
    image[block > 0] = [80, 90, 50]
    # Differences 30, 40, 0: norm 50, over sqrt(3).
    assert effects.separation(image, block) == pytest.approx(50 / 3 ** 0.5, rel=1e-5)


def test_tone_leaves_legible_text(rng, block):
    for start in (20.0, 60.0, 180.0):
        image = effects.blend(grey(30), block, np.full(3, 30 + start, np.float32))
        for _ in range(30):
            out = effects.tone(rng, image, 0.05, effects.separation(image, block))
            # 25 grey levels at most are spared; the gain is at least 0.5 * 0.94.
            assert effects.separation(out, block) >= 0.99 * min(start, 25) * 0.47


@pytest.mark.parametrize('sigma', [0.0, 0.5, 3.0])
def test_blur_keeps_a_flat_picture(rng, sigma):
    for _ in range(8):
        np.testing.assert_allclose(effects.blurred(rng, grey(), sigma), 100, atol=1e-2)


def test_sharpening_overshoots_at_edges(block):
    image = effects.blend(grey(50), block, np.full(3, 150, np.float32))
    out = effects.sharpened(image, 1.0)
    assert out.max() > 155 and out.min() < 45 and out[0, -1, 0] == pytest.approx(50, abs=1e-3)


def test_noise_has_the_given_strength(rng):
    for _ in range(6):
        noise = effects.noisy(rng, np.zeros((200, 200, 3), np.float32), 8.0)
        assert noise.std() == pytest.approx(8, rel=0.05) and abs(noise.mean()) < 0.3


def test_rounding_and_clipping():
    values = np.float32([[[-5, 0.4, 0.6], [254.4, 254.6, 400]]])
    assert effects.to_uint8(values).ravel().tolist() == [0, 0, 1, 254, 255, 255]


def test_lighting_scribble_and_jpeg_keep_the_shape(rng):
    for _ in range(20):
        image = effects.scribble(rng, effects.lighting(rng, grey()), np.float32([1, 2, 3]))
        assert image.shape == (32, 48, 3) and np.isfinite(image).all()
    assert effects.recompressed(effects.to_uint8(image), 30).shape == (32, 48, 3)
