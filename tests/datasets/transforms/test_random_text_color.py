import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import RandomTextColor


def image(shape=(32, 128, 3)):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def run(transform, img, seed=0):
    np.random.seed(seed)
    return transform(dict(img=img))['img']


def test_probability_and_bounds():
    np.random.seed(0)
    transform = RandomTextColor(
        prob=.25, brightness=.5, contrast=.4, saturation=.3, hue=.1)
    drawn = [p for p in (transform._draw() for _ in range(4000)) if p is not None]
    assert len(drawn) / 4000 == pytest.approx(.25, abs=.03)
    for values, middle, reach in zip(zip(*drawn), (1, 1, 1, 0), (.5, .4, .3, .1)):
        low, high = min(values), max(values)
        # The whole range is used, and no more.
        assert middle - reach <= low < middle - .95 * reach
        assert middle + .95 * reach < high <= middle + reach


@pytest.mark.parametrize('only', ['brightness', 'contrast', 'saturation', 'hue'])
def test_each_part_alone_changes_the_image_and_the_seed_decides(only):
    none = dict(brightness=0, contrast=0, saturation=0, hue=0)
    transform = RandomTextColor(prob=1, **{**none, only: .3})
    first = run(transform, image(), 3)
    assert (first != image()).any()
    np.testing.assert_array_equal(first, run(transform, image(), 3))


def test_no_magnitude_leaves_the_image_alone():
    transform = RandomTextColor(prob=1, brightness=0, contrast=0, saturation=0, hue=0)
    np.testing.assert_array_equal(run(transform, image()), image())


def test_the_input_array_is_not_written_to():
    img = image()
    run(RandomTextColor(prob=1), img)
    np.testing.assert_array_equal(img, image())


def test_parameters_can_be_shared():
    transform = RandomTextColor(prob=1)
    with cache_random_params(transform):
        first, second = (transform(dict(img=image()))['img'] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize('shape', [(1, 1, 3), (32, 1, 3), (1, 9), (8, 9, 1)])
def test_odd_shapes(shape):
    out = run(RandomTextColor(prob=1), image(shape))
    assert out.shape == shape and out.dtype == np.uint8


def test_other_images_are_refused():
    with pytest.raises(ValueError, match='float32.*EnsureBGR'):
        run(RandomTextColor(prob=1), np.zeros((4, 4, 3), np.float32))


@pytest.mark.parametrize('wrong', [
    dict(prob=2), dict(brightness=1.5), dict(contrast=-1), dict(saturation=2), dict(hue=.6)
])
def test_arguments_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TRANSFORMS.build(dict(type='RandomTextColor', **wrong))
