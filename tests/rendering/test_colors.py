import cv2
import numpy as np

from mmocr_siga.rendering import colors


def test_luminance_is_that_of_opencv(rng):
    image = rng.integers(0, 256, (9, 9, 3), np.uint8)
    np.testing.assert_allclose(colors.luminance(image), cv2.cvtColor(image, cv2.COLOR_BGR2GRAY),
                               atol=0.6)


def test_contrast_is_kept(rng):
    for contrast in 200 * [20, 80, 120]:
        first = colors.random_color(rng)
        second = colors.contrasting_color(rng, first, contrast)
        assert first.min() >= 0 and first.max() <= 255 and second.dtype == np.float32
        assert abs(float(colors.luminance(first) - colors.luminance(second))) >= contrast - 1e-3
    # What cannot be had gives the farther of black and white.
    for gray, farther in ((100, 255), (160, 0)):
        found = colors.contrasting_color(rng, np.full(3, gray, np.float32), 250)
        assert found.tolist() == [farther] * 3
