import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import RandomTextDeterioration


def image(shape=(32, 128, 3)):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def run(transform, img, seed=0):
    np.random.seed(seed)
    return transform(dict(img=img))['img']


def test_probability():
    assert run(RandomTextDeterioration(prob=0), image()) is not None
    transform = RandomTextDeterioration(prob=.25)
    np.random.seed(0)
    changed = [transform._draw() is not None for _ in range(4000)]
    assert np.mean(changed) == pytest.approx(.25, abs=.03)


def test_bounds():
    np.random.seed(0)
    transform = RandomTextDeterioration(
        prob=1, blur=6, rescale=4, noise_var=20, jpeg_quality=(30, 32))
    drawn = [transform._draw() for _ in range(2000)]
    assert all(0 <= p['blur'] <= 6 and 1 <= p['rescale'] <= 4 for p in drawn)
    assert all(0 <= p['angle'] <= 180 and 0 <= p['noise_std']**2 <= 20 for p in drawn)
    assert {p['jpeg_quality'] for p in drawn} == {30, 31, 32}
    # A fifth of the bounds on average.
    assert np.mean([p['blur'] for p in drawn]) == pytest.approx(1.2, rel=.06)
    assert np.mean([p['rescale'] for p in drawn]) == pytest.approx(1.6, rel=.06)


@pytest.mark.parametrize('only', [
    dict(blur=6.), dict(rescale=4.), dict(noise_var=20.), dict(jpeg_quality=(20, 30))
])
def test_each_part_alone_changes_the_image_and_the_seed_decides(only):
    none = dict(blur=0., rescale=1., noise_var=0., jpeg_quality=None)
    transform = RandomTextDeterioration(prob=1, **{**none, **only})
    first = run(transform, image(), 3)
    assert (first != image()).any()
    np.testing.assert_array_equal(first, run(transform, image(), 3))


def test_no_magnitude_leaves_the_image_alone():
    transform = RandomTextDeterioration(prob=1, blur=0, rescale=1, noise_var=0)
    np.testing.assert_array_equal(run(transform, image()), image())


def test_parameters_can_be_shared():
    transform = RandomTextDeterioration(prob=1)
    with cache_random_params(transform):
        first, second = (transform(dict(img=image()))['img'] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize('shape', [(1, 1, 3), (32, 1, 3), (1, 9), (8, 9, 1)])
def test_odd_shapes(shape):
    transform = RandomTextDeterioration(prob=1, jpeg_quality=(30, 90))
    for seed in range(10):
        out = run(transform, image(shape), seed)
        assert out.shape == shape and out.dtype == np.uint8


@pytest.mark.parametrize('img', [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4, 4), np.uint8)])
def test_other_images_are_refused(img):
    with pytest.raises(ValueError, match='EnsureBGR'):
        run(RandomTextDeterioration(prob=1), img)


@pytest.mark.parametrize('wrong', [
    dict(prob=2), dict(blur=-1), dict(noise_var=-1), dict(rescale=.5), dict(jpeg_quality=(0, 50)),
    dict(jpeg_quality=(60, 50))
])
def test_arguments_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TRANSFORMS.build(dict(type='RandomTextDeterioration', **wrong))
