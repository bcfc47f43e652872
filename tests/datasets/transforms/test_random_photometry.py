"""RandomTextColor, RandomTextDeterioration, and what RandomTextGeometry shares with them."""
import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import (
    RandomTextColor,
    RandomTextDeterioration,
    RandomTextGeometry,
)

BOTH = pytest.mark.parametrize('kind', [RandomTextColor, RandomTextDeterioration])
NONE = {RandomTextColor: dict(brightness=0, contrast=0, saturation=0, hue=0),
        RandomTextDeterioration: dict(blur=0., rescale=1., noise_var=0.),
        RandomTextGeometry: dict(rotation=0, scale=(1, 1), shear=(0, 0), distortion=0)}
ALL = pytest.mark.parametrize('kind', NONE)


def image(shape=(32, 128, 3)):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def run(transform, img, seed=0):
    np.random.seed(seed)
    return transform(dict(img=img))['img']


def draws(transform, count=4000):
    np.random.seed(0)
    return [transform._draw() for _ in range(count)]


@ALL
def test_probability(kind):
    changed = [drawn is not None for drawn in draws(kind(prob=.25))]
    assert np.mean(changed) == pytest.approx(.25, abs=.03)
    assert not any(draws(kind(prob=0), 50))


def test_bounds_of_colors():
    transform = RandomTextColor(prob=1, brightness=.5, contrast=.4, saturation=.3, hue=.1)
    for values, middle, reach in zip(zip(*draws(transform)), (1, 1, 1, 0), (.5, .4, .3, .1)):
        low, high = min(values), max(values)
        # The whole range is used, and no more.
        assert middle - reach <= low < middle - .95 * reach
        assert middle + .95 * reach < high <= middle + reach


def test_bounds_of_deterioration():
    drawn = draws(RandomTextDeterioration(prob=1, blur=6, rescale=4, noise_var=20), 2000)
    assert all(0 <= p['blur'] <= 6 and 1 <= p['rescale'] <= 4 for p in drawn)
    assert all(0 <= p['angle'] <= 180 and 0 <= p['noise_std']**2 <= 20 for p in drawn)
    # A fifth of the bounds on average.
    assert np.mean([p['blur'] for p in drawn]) == pytest.approx(1.2, rel=.06)
    assert np.mean([p['rescale'] for p in drawn]) == pytest.approx(1.6, rel=.06)


@pytest.mark.parametrize('kind, only', [
    (RandomTextColor, dict(brightness=.3)), (RandomTextColor, dict(contrast=.3)),
    (RandomTextColor, dict(saturation=.3)), (RandomTextColor, dict(hue=.3)),
    (RandomTextDeterioration, dict(blur=6.)), (RandomTextDeterioration, dict(rescale=4.)),
    (RandomTextDeterioration, dict(noise_var=20.))])
def test_each_part_alone_changes_the_image(kind, only):
    img = image()
    assert (run(kind(prob=1, **{**NONE[kind], **only}), img, 3) != image()).any()
    np.testing.assert_array_equal(img, image())


@ALL
def test_no_magnitude_or_probability_leaves_the_image_alone(kind):
    for transform in (kind(prob=1, **NONE[kind]), kind(prob=0)):
        np.testing.assert_array_equal(run(transform, image()), image())


@ALL
def test_the_seed_decides_and_parameters_can_be_shared(kind):
    transform = kind(prob=1)
    first, second, other = (run(transform, image(), seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first, second)
    assert other.shape != first.shape or (other != first).any()
    with cache_random_params(transform):
        first, second = (transform(dict(img=image()))['img'] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@BOTH
@pytest.mark.parametrize('shape', [(1, 1, 3), (32, 1, 3), (1, 9), (8, 9, 1)])
def test_odd_shapes(kind, shape):
    transform = kind(prob=1)
    for seed in range(10):
        out = run(transform, image(shape), seed)
        assert out.shape == shape and out.dtype == np.uint8


@BOTH
@pytest.mark.parametrize('img', [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8)])
def test_other_images_are_refused(kind, img):
    with pytest.raises(ValueError, match='EnsureBGR'):
        run(kind(prob=1), img)


@pytest.mark.parametrize('kind, wrong', [
    ('RandomTextColor', dict(prob=2)), ('RandomTextColor', dict(contrast=-1)),
    ('RandomTextColor', dict(hue=.6)), ('RandomTextDeterioration', dict(prob=2)),
    ('RandomTextDeterioration', dict(blur=-1)), ('RandomTextDeterioration', dict(noise_var=-1)),
    ('RandomTextDeterioration', dict(rescale=.5)),
    *(('RandomTextGeometry', wrong) for wrong in (
        dict(prob=1.5), dict(prob=-.1), dict(rotation=-1), dict(rotation=200), dict(scale=(0, 2)),
        dict(scale=(2, .5)), dict(shear=(60, 40)), dict(shear=(-1, 0)), dict(distortion=1),
        dict(distortion=-.1), dict(max_side=0)))])
def test_arguments_are_checked(kind, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TRANSFORMS.build(dict(type=kind, **wrong))
