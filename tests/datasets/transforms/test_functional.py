import colorsys

import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms import functional as tv

from mmocr_siga.datasets.transforms import functional as F  # noqa: N812
from mmocr_siga.images import UnusableImageError


def noise_image(height=16, width=40, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def apply(matrix, point):
    x, y, z = matrix @ [*point, 1]
    return x / z, y / z


@pytest.mark.parametrize('matrix, point, moved', [
    # A quarter turn to the left brings right to top.
    (F.affine_matrix(angle=90), (1, 0), (0, -1)), (F.affine_matrix(angle=90), (0, -1), (-1, 0)),
    # Shear leans columns first and rows second.
    (F.affine_matrix(shear=(45, 0)), (0, 2), (2, 2)),
    (F.affine_matrix(shear=(45, 0)), (2, 0), (2, 0)),
    (F.affine_matrix(shear=(0, 45)), (2, 0), (2, 2)),
    # Scale comes before rotation.
    (F.affine_matrix(90, (3, 5)), (1, 1), (5, -3))])
def test_affine_matrices(matrix, point, moved):
    assert apply(matrix, point) == pytest.approx(moved)


class TestWarp:

    @pytest.mark.parametrize('turns', [0, 1, 2, 3])
    @pytest.mark.parametrize('shape', [(5, 9, 3), (5, 9, 1), (5, 9), (4, 1, 3), (1, 4), (1, 1)])
    def test_quarter_turns(self, turns, shape):
        img = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
        matrix, size = F.fit_canvas(F.affine_matrix(90 * turns), shape[1], shape[0])
        out = F.warp(img, matrix, size)
        # An error of half a pixel would show: these are exact only about the true center.
        np.testing.assert_array_equal(out, np.rot90(img, turns))

    def test_doubling_repeats_every_pixel(self):
        img = noise_image(3, 4)
        matrix, size = F.fit_canvas(F.affine_matrix(scale=(2, 2)), 4, 3)
        out = F.warp(img, matrix, size, cv2.INTER_NEAREST)
        np.testing.assert_array_equal(out, img.repeat(2, 0).repeat(2, 1))

    def test_the_canvas_holds_the_image_and_no_more(self):
        # 30 x 40 turned by 30 degrees.
        sine, cosine = 0.5, 3**.5 / 2
        matrix, size = F.fit_canvas(F.affine_matrix(30), 40, 30)
        assert size == (int(np.ceil(40 * cosine + 30 * sine)),
                        int(np.ceil(40 * sine + 30 * cosine)))
        points = np.array([apply(matrix, p) for p in F.corners(40, 30)])
        assert (points >= 0).all() and (points <= size).all()
        np.testing.assert_allclose(points.min(0), np.array(size) - points.max(0), atol=1e-9)

    def test_extreme_canvases(self):
        # One too long is shrunk in proportion, and no side vanishes.
        matrix, size = F.fit_canvas(F.affine_matrix(scale=(10, 10)), 40, 30, max_side=100)
        assert size == (100, 75)
        assert apply(matrix, (40, 30)) == pytest.approx((100, 75))
        assert F.fit_canvas(F.affine_matrix(scale=(.01, .01)), 40, 30)[1] == (1, 1)

    def test_borders_and_images_too_long_for_opencv(self):
        img = np.full((4, 4), 9, np.uint8)
        shift = np.array([[1., 0, 2], [0, 1, 0], [0, 0, 1]])
        assert (F.warp(img, shift, (6, 4)) == 9).all()
        out = F.warp(img, shift, (6, 4), border=cv2.BORDER_CONSTANT)
        np.testing.assert_array_equal(out[0], [0, 0, 9, 9, 9, 9])
        with pytest.raises(UnusableImageError, match='40000 x 1'):
            F.warp(np.zeros((1, 40000), np.uint8), np.eye(3), (40000, 1))


class TestMotionBlur:

    def test_kernel_by_hand(self):
        # Five steps at -1, -1/2, 0, 1/2, 1; each half step is shared by two cells.
        kernel = F.motion_kernel(2, 0)
        np.testing.assert_allclose(kernel, [[0, 0, 0], [.3, .4, .3], [0, 0, 0]], atol=1e-7)
        np.testing.assert_allclose(F.motion_kernel(2, 90), kernel.T, atol=1e-7)
        np.testing.assert_array_equal(F.motion_kernel(0, 30), [[1]])
        # 45 degrees go up to the right.
        kernel = F.motion_kernel(4, 45)
        assert kernel[1, 3] > .1 and kernel[3, 3] < 1e-6

    @pytest.mark.parametrize('length', [.7, 3, 5.5, 6])
    @pytest.mark.parametrize('angle', [0, 20, 45, 135])
    def test_kernels_move_nothing(self, length, angle):
        kernel = F.motion_kernel(length, angle)
        assert kernel.sum() == pytest.approx(1)
        np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)
        flat = np.full((8, 12, 3), 77, np.uint8)
        np.testing.assert_array_equal(F.motion_blur(flat, length, angle), flat)


class TestNoiseAndRescaling:

    def test_noise_has_the_deviation_asked_for_and_the_seed_decides(self):
        img = np.full((200, 300), 128, np.uint8)
        noisy = F.gaussian_noise(img, 4, seed=5)
        # Rounding adds a variance of 1/12.
        assert noisy.std() == pytest.approx((16 + 1 / 12)**.5, rel=.02)
        assert noisy.mean() == pytest.approx(128, abs=.1)
        np.testing.assert_array_equal(noisy, F.gaussian_noise(img, 4, seed=5))
        assert (noisy != F.gaussian_noise(img, 4, seed=6)).any()
        # Clipped, not wrapped.
        img = np.array([[0, 255]] * 500, np.uint8)
        noisy = F.gaussian_noise(img, 10, seed=0).astype(int)
        assert noisy[:, 0].max() < 100 and noisy[:, 1].min() > 155

    def test_rescaling(self):
        # A checkerboard becomes gray.
        img = np.indices((8, 8)).sum(0).astype(np.uint8) % 2 * 200
        np.testing.assert_array_equal(F.rescale_and_back(img, 2), np.full((8, 8), 100))
        np.testing.assert_array_equal(F.rescale_and_back(noise_image(), 1), noise_image())


def torchvision(function, img, factor):
    """A torchvision color operation on a BGR array, in floating point."""
    tensor = torch.from_numpy(img[..., ::-1].copy()).permute(2, 0, 1).double() / 255
    return function(tensor, factor).permute(1, 2, 0).numpy()[..., ::-1] * 255


class TestColorJitter:

    @pytest.mark.parametrize('factors', [
        *({name: factor} for name in ('brightness', 'contrast', 'saturation')
          for factor in (0., .5, .9, 1., 1.3, 1.5)),
        dict(brightness=1.2, contrast=.7, saturation=1.4)])  # in this order
    def test_against_torchvision(self, factors):
        # Gray values in the middle, so that nothing is clipped between two operations.
        img = noise_image() if len(factors) == 1 else noise_image() // 8 + np.uint8(110)
        out, expected = F.color_jitter(img, **factors), img
        for name, factor in factors.items():
            expected = torchvision(getattr(tv, f'adjust_{name}'), expected, factor)
        assert out.dtype == np.uint8
        # Half a level by rounding, the rest by OpenCV's fixed-point weights.
        assert np.abs(out - expected).max() <= .8

    @pytest.mark.parametrize('turn', [-.1, .05, 1 / 3, .5])
    def test_hue_against_colorsys(self, turn):
        img = noise_image(4, 8)
        out = F.shift_hue(img, turn)
        for before, after in zip(img.reshape(-1, 3), out.reshape(-1, 3)):
            hue, s, v = colorsys.rgb_to_hsv(*before[::-1] / 255)
            expected = colorsys.hsv_to_rgb((hue + turn) % 1, s, v)[::-1]
            # The hue has 256 steps: up to 6 levels at full saturation, and twice rounding.
            assert np.abs(np.array(expected) * 255 - after).max() <= 8

    @pytest.mark.parametrize('shape', [(4, 6), (4, 6, 1), (1, 1)])
    def test_gray_images_equal_gray_color_images(self, shape):
        img = np.random.default_rng(2).integers(0, 256, shape, np.uint8)
        color = img.reshape(*shape[:2], 1).repeat(3, 2)
        expected = F.color_jitter(color, 1.3, .6, .5, 0.)[..., 0].reshape(shape)
        assert np.abs(F.color_jitter(img, 1.3, .6, .5, .1).astype(int) - expected).max() <= 1
