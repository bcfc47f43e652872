import numpy as np
import pytest

from mmocr_siga.datasets.transforms import RandomTextPhotometry, photometry
from mmocr_siga.datasets.transforms import random_text_photometry as module


def picture(seed=0, shape=(32, 128, 3)):
    return np.random.default_rng(seed).integers(30, 220, shape, np.uint8)


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize('name', module.PIXELS)
def test_each_operation_keeps_kind_and_place_and_is_decided_by_the_seed(name):
    img, seen = picture(), set()
    before = img.copy()
    for seed in (0, 0, 1):
        out = module.PIXELS[name](img, generator(seed))
        assert out.shape == img.shape and out.dtype == np.uint8
        assert not np.array_equal(out, img)
        seen.add(out.tobytes())
    np.testing.assert_array_equal(img, before)
    assert len(seen) == (1 if name == 'invert' else 2)
    assert len(module.PIXELS) == 21


@pytest.mark.parametrize('stage', [module._color, module._blur_or_sharpen, module._contrast])
@pytest.mark.parametrize('seed', range(6))
def test_stages_keep_shape_and_kind(stage, seed):
    out = stage(picture(), generator(seed))
    assert out.shape == (32, 128, 3) and out.dtype == np.uint8


def test_noises_have_their_deviation():
    gray = np.full((200, 300, 3), 128, np.uint8)
    for noise, deviation in ((photometry.laplace_noise, 2**.5 * 10),
                             (photometry.poisson_noise, (10 + 100)**.5)):
        values = noise(gray, 10, generator()).astype(float) - 128
        assert values.std() == pytest.approx(deviation, rel=.02)
        assert values.mean() == pytest.approx(0, abs=.2)


def test_shares_of_squares():
    white = np.full((60, 90, 3), 255, np.uint8)
    dropped = photometry.drop_pixels(white, .2, 3, generator())
    assert (dropped == 0).mean() == pytest.approx(.2, abs=.03)
    cells = dropped[..., 0].reshape(20, 3, 30, 3).transpose(0, 2, 1, 3).reshape(600, 9)
    assert (cells == cells[:, :1]).all()
    gray = np.full_like(white, 100)
    grains = photometry.salt_and_pepper(gray, .1, 1, (0, 255), generator())
    assert (grains == 0).mean() == pytest.approx(.05, abs=.01)
    assert (grains == 255).mean() == pytest.approx(.05, abs=.01)
    assert (grains == grains[..., :1]).all()
    # Sides that are no multiple of the squares' are no trouble.
    assert photometry.drop_pixels(white[:31, :50], .5, 4, generator()).shape == (31, 50, 3)


def test_by_hand():
    levels = np.array([0, 31, 32, 255], np.uint8)[None, :, None].repeat(3, 2)
    assert photometry.solarize(levels, 32)[0, :, 0].tolist() == [0, 31, 223, 0]
    assert photometry.scale_contrast(levels, 1, 1)[0, :, 0].tolist() == [0, 31, 32, 255]
    assert photometry.scale_contrast(levels, .5, 1)[0, :, 0].tolist() == [64, 79, 80, 191]
    step = np.zeros((5, 6, 3), np.uint8)
    step[:, 3:] = 90
    assert photometry.filtered(step, photometry.EDGES)[2, :, 0].tolist() == [0, 0, 90, 0, 0, 0]
    # To the right: the pixel before the step rises, none falls; all weights sum to 0.
    rising = photometry.directed_edges(step, 90)[2, :, 0]
    assert rising[2] == 90 and not rising[[0, 1, 3, 4, 5]].any()
    # 1 x 90 + 1 x (90 - 30): the mean of 3 x 3 beside the step is 60.
    assert photometry.sharpen(step, 1)[2, :, 0].tolist() == [0, 0, 0, 120, 90, 90]


def test_probabilities():
    np.random.seed(0)
    img = picture()
    changed = [not np.array_equal(RandomTextPhotometry(prob=.5, stage_prob=1)(dict(img=img))['img'],
                                  img) for _ in range(100)]
    assert 35 <= sum(changed) <= 65
    for options in dict(prob=0), dict(stage_prob=0):
        assert RandomTextPhotometry(**options)(dict(img=img))['img'] is img
    with pytest.raises(ValueError, match='stage_prob'):
        RandomTextPhotometry(stage_prob=2)


@pytest.mark.parametrize('shape', [(32, 128), (32, 128, 1), (32, 128, 4)])
def test_needs_three_channels_whatever_is_drawn(shape):
    with pytest.raises(ValueError, match=r'with three channels, but.*EnsureBGR'):
        RandomTextPhotometry(prob=0)(dict(img=picture(shape=shape)))
