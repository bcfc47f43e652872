import numpy as np
import pytest

from mmocr_siga.evaluation.image_fidelity import MOST_PSNR, psnr, ssim


def pictures(seed=0, shape=(32, 57, 3)):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 256, shape).astype(np.uint8)
    noise = rng.normal(0, 20, shape)
    return np.clip(truth + noise, 0, 255).astype(np.uint8), truth


def test_psnr_by_hand():
    truth = np.full((2, 5, 3), 100, np.uint8)
    image = truth.copy()
    image[0, 0, 0] = 130  # 900 of 30 values: a mean of 30
    assert psnr(image, truth) == pytest.approx(10 * np.log10(65025 / 30))
    # Unsigned bytes do not wrap around.
    assert psnr(truth, image) == psnr(image, truth)
    mask = np.zeros((2, 5), bool)
    assert np.isnan(psnr(image, truth, mask))
    mask[0, :2] = True
    assert psnr(image, truth, mask) == pytest.approx(10 * np.log10(65025 / 150))
    assert psnr(image, truth, ~mask) == psnr(truth, truth) == MOST_PSNR == 60
    # A single value of many that is off by one is above 60 dB.
    assert psnr(np.pad([[1]], 50), np.zeros((101, 101))) == 60
    assert psnr(np.zeros((1, 1)), np.full((1, 1), 255)) == 0


def test_ssim_by_its_formula():
    # One window, by a loop in float64.
    image, truth = pictures(1, (11, 11))
    at = np.arange(11) - 5
    weights = np.exp(-at ** 2 / (2 * 1.5 ** 2))
    weights = np.outer(weights, weights) / weights.sum() ** 2
    x, y = image.astype(float), truth.astype(float)
    mx, my = (weights * x).sum(), (weights * y).sum()
    vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
    cov = (weights * (x - mx) * (y - my)).sum()
    c1, c2 = 2.55 ** 2, 7.65 ** 2
    want = (2 * mx * my + c1) * (2 * cov + c2) / ((mx ** 2 + my ** 2 + c1) * (vx + vy + c2))
    assert ssim(image, truth) == pytest.approx(want, rel=1e-9)


def test_ssim_of_plain_pictures():
    light, dark = np.full((11, 40), 200), np.full((11, 40), 100)
    assert ssim(light, light) == pytest.approx(1)
    assert ssim(light, dark) == pytest.approx((40000 + 2.55 ** 2) / (50000 + 2.55 ** 2))
    # A change of color that leaves the gray alone is none.
    color = np.full((20, 20, 3), 100.)
    assert ssim(color + [0.587, -0.114, 0], color) == pytest.approx(1)


@pytest.mark.parametrize('shape', [(32, 57), (11, 11), (64, 256)])
def test_against_scikit_image(shape):
    metrics = pytest.importorskip('skimage.metrics')
    image, truth = pictures(2, shape)
    want = metrics.structural_similarity(
        image, truth, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        data_range=255)
    assert ssim(image, truth) == pytest.approx(want, rel=1e-6)
    assert psnr(image, truth) == pytest.approx(
        metrics.peak_signal_noise_ratio(truth, image, data_range=255))


def test_what_cannot_be_compared():
    with pytest.raises(ValueError, match=r'\(2, 3\) and \(3, 2\)'):
        psnr(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match='11 x 11'):
        ssim(np.zeros((10, 30)), np.zeros((10, 30)))
    with pytest.raises(ValueError, match=r'mask must have the shape \(2, 3\)'):
        psnr(np.zeros((2, 3)), np.zeros((2, 3)), np.zeros((3, 2)))
