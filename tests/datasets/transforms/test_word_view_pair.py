import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.datasets.transforms import PackWordViews, WordViewPair
from mmocr_siga.datasets.transforms.random_text_geometry import GeometryParams
from mmocr_siga.datasets.transforms.word_view_pair import about_middle

HOMOGRAPHIES = dict(distortion=0.3, scale=(0.8, 1), shear=(20, 5))
SIZES = [(32, 128), (50, 170), (150, 900), (9, 14)]


def word(shape=(64, 256), letters=5, seed=0):
    """White blocks on black, as letters; each of another height."""
    rng = np.random.default_rng(seed)
    img = np.zeros((*shape, 3), np.uint8)
    step = shape[1] / (letters + 1)
    for i in range(letters):
        left = int((i + .6) * step)
        top = int(rng.uniform(.2, .35) * shape[0])
        img[top:int(.75 * shape[0]), left:left + int(.55 * step)] = 255
    return img


def views(img, seed=0, **options):
    np.random.seed(seed)
    return WordViewPair(**options)(dict(img=img))


@pytest.mark.parametrize('shape', SIZES)
def test_without_geometry_both_views_are_the_resized_image(shape):
    img = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    out = views(img, prob=0)
    np.testing.assert_array_equal(*out['img'])
    assert out['img'][0].shape == (32, 128, 3) and out['img_shape'] == (32, 128)
    np.testing.assert_array_equal(out['view_matrix'], np.eye(3))
    np.testing.assert_array_equal(*out['gt_regions'])
    assert out['gt_pairs'].tolist() == list(range(1, out['gt_regions'].max() + 1))
    if shape == (32, 128):
        np.testing.assert_array_equal(out['img'][0], img)


@pytest.mark.parametrize('seed', range(6))
def test_centroids_of_whole_characters_move_by_the_matrix(seed):
    out = views(word(seed=seed), seed, prob=1)
    regular, irregular = out['gt_regions']
    compared = 0
    for k in out['gt_pairs']:
        moved = centroid(regular == k)
        expected = out['view_matrix'] @ [*moved, 1]
        y, x = np.nonzero(irregular == k)
        if 0 < x.min() and x.max() < 127 and 0 < y.min() and y.max() < 31:
            assert np.abs(centroid(irregular == k) - expected[:2]).max() < 0.5
            compared += 1
    assert compared


def centroid(mask):
    y, x = np.nonzero(mask)
    return np.array([x.mean() + .5, y.mean() + .5])


@pytest.mark.parametrize('geometry', [{}, HOMOGRAPHIES])
@pytest.mark.parametrize('shape', SIZES[:3])
def test_a_number_painted_on_each_character_is_read_in_both_views(shape, geometry):
    """Pixels are warped by OpenCV from the image as it was; labels by the matrix."""
    compared = 0
    for seed in range(8):
        img = word(shape, seed=seed)
        count, components = cv2.connectedComponents(img[..., 0] // 255)
        components = components.astype(np.float64)
        for i in range(1, count):  # by the place from left to right
            y, x = np.nonzero(components == i)
            img[y, x] = 120 + 20 * round(x.mean() / shape[1] * 6)
        out = views(img, seed, prob=1, geometry=geometry)
        for k in out['gt_pairs']:
            painted = []
            for view, labels in zip(out['img'], out['gt_regions']):
                inside = cv2.erode((labels == k).astype(np.uint8), np.ones((3, 3)))
                painted.append(view[..., 0][inside > 0])
            if len(painted[1]):
                assert np.median(painted[1]) == np.median(painted[0]) >= 120
                compared += 1
    assert compared > 20


def test_the_matrix_is_a_map_about_the_middle_after_both_resizings():
    out = views(word((50, 400)), 3, prob=1, geometry=dict(shift=0))
    np.testing.assert_allclose((out['view_matrix'] @ [64, 16, 1])[:2], [64, 16])
    moved = about_middle(GeometryParams(dents=np.full((4, 2), .2)), np.array([.1, 0]), 60, 40)
    np.testing.assert_allclose(cv2.perspectiveTransform(
        np.array([[[30., 20], [0, 0]]]), moved)[0], [[36, 20], [12, 4]], atol=1e-5)


def test_text_masks_are_those_of_the_unchanged_image():
    img = word()
    clean = views(img, 5, prob=1)
    changed = views(img, 5, prob=1, photometry=[lambda results: dict(
        results, img=255 - results['img'])])
    for key in ('gt_seg_map', 'gt_regions', 'view_matrix'):
        np.testing.assert_array_equal(clean[key], changed[key])
    np.testing.assert_array_equal(255 - clean['img'][1], changed['img'][1])
    # Black outside, in the image and in the mask.
    white = views(np.full_like(img, 255), 5, prob=1, geometry=dict(scale=(.6, .6)))
    assert (white['img'][1][0] == 0).all() and not white['gt_seg_map'].any()


def test_one_seed_gives_the_same_and_another_other_views():
    one, again, other = (views(word(), seed, prob=1)['view_matrix'] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)


def test_a_word_without_text_has_no_pairs():
    out = views(np.full((40, 90, 3), 77, np.uint8), prob=1)
    assert not out['gt_regions'].any() and len(out['gt_pairs']) == 0
    packed = PackWordViews()(dict(out, img_path='a.png', ori_shape=(40, 90)))
    assert packed['data_samples'].gt_pairs.shape == (0, )


def test_packing():
    out = views(word(), 4, prob=1)
    packed = PackWordViews()(dict(out, img_path='a.png', ori_shape=(64, 256)))
    sample = packed['data_samples']
    assert packed['inputs'].shape == (2, 3, 32, 128) and packed['inputs'].dtype == torch.uint8
    np.testing.assert_array_equal(packed['inputs'][1].permute(1, 2, 0).numpy(), out['img'][1])
    assert sample.gt_text_mask.data.dtype == torch.bool
    np.testing.assert_array_equal(sample.gt_text_mask.data.numpy(), out['gt_seg_map'])
    np.testing.assert_array_equal(sample.gt_regions.data.numpy(), out['gt_regions'])
    np.testing.assert_array_equal(sample.view_matrix, out['view_matrix'])
    assert sample.img_path == 'a.png' and 'gt_text' not in sample
    with pytest.raises(KeyError, match='WordViewPair'):
        PackWordViews()(dict(img=word()))


@pytest.mark.parametrize('options', [
    dict(prob=2), dict(geometry=dict(scale=(2, 1))), dict(geometry=dict(turn=3)),
    dict(max_regions=256), dict(min_visible=-1), dict(geometry=dict(distortion=1))])
def test_wrong_options_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options)) if 'geometry' not in options else (
            'scale|geometry|distortion')):
        WordViewPair(**options)
