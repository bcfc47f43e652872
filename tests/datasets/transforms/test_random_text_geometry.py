import cv2
import numpy as np
import pytest

from mmocr_siga.datasets.transforms import RandomTextGeometry
from mmocr_siga.datasets.transforms.random_text_geometry import GeometryParams, largest_angle


def word(height=32, width=100):
    img = np.full((height, width, 3), 40, np.uint8)
    cv2.putText(img, 'WORD', (8, height - 8), cv2.FONT_HERSHEY_SIMPLEX, .9, (230, 230, 230), 3)
    return img


def run(transform, img, seed=0, **more):
    np.random.seed(seed)
    return transform(dict(img=img.copy(), img_shape=img.shape[:2], **more))


def test_parameters_stay_within_their_bounds_and_all_kinds_occur():
    np.random.seed(0)
    transform = RandomTextGeometry(prob=.8, scale=(.5, 2), shear=(30, 10), distortion=.4)
    draws = [transform._draw() for _ in range(5000)]
    drawn = [p for p in draws if p is not None]
    assert len(drawn) / 5000 == pytest.approx(.8, abs=.02)
    kinds = []
    for p in drawn:
        assert abs(p.angle) <= 45 and all(.5 <= s <= 2 for s in p.scale)
        assert abs(p.shear[0]) <= 30 and abs(p.shear[1]) <= 10
        assert (0 <= p.dents).all() and (p.dents <= .4).all()
        kinds.append('perspective' if p.dents.any() else
                     'affine' if p.scale != (1., 1.) else 'rotation')
    for kind, share in dict(rotation=.5, affine=.25, perspective=.25).items():
        assert kinds.count(kind) / len(kinds) == pytest.approx(share, abs=.03)
    # beta(4, 4) has the variance 1/36, beta(1, 4) the mean 1/5.
    angles = np.array([p.angle for p, kind in zip(drawn, kinds) if kind == 'rotation'])
    assert angles.std() == pytest.approx(2 * 45 / 6, rel=.06) and abs(angles.mean()) < 1
    dents = [p.dents for p, kind in zip(drawn, kinds) if kind == 'perspective']
    assert np.mean(dents) == pytest.approx(.4 / 5, rel=.06)
    assert np.mean(np.log([p.scale for p in drawn])) == pytest.approx(0, abs=.03)


def test_the_mask_follows_the_image():
    img = word()
    mask = (img[..., 0] > 135).astype(np.uint8)
    # The mask of the warped image, made from the image, is the reference.
    for seed in range(12):
        out = run(RandomTextGeometry(prob=1), img, seed, gt_seg_map=mask)
        expected = out['img'][..., 0] > 135
        assert out['gt_seg_map'].shape == out['img'].shape[:2] == out['img_shape']
        assert out['gt_seg_map'].dtype == np.uint8
        overlap = (expected & (out['gt_seg_map'] == 1)).sum()
        assert overlap / (expected | (out['gt_seg_map'] == 1)).sum() > .85


def test_bool_masks_stay_bool_and_outside_is_background():
    transform = RandomTextGeometry(prob=1)
    transform._draw = lambda: GeometryParams(angle=30.)
    out = transform(dict(img=np.zeros((20, 20, 3), np.uint8), gt_seg_map=np.ones((20, 20), bool)))
    mask = out['gt_seg_map']
    assert mask.dtype == bool and not mask[0, 0] and mask[14, 14]
    # Turned by 30 degrees, 400 pixels stay 400 pixels.
    assert mask.sum() == pytest.approx(400, rel=.03)


def test_perspective_moves_the_corners_inwards():
    dents = np.array([[.4, .2], [0, 0], [.1, .3], [0, 0]])
    matrix = GeometryParams(dents=dents).matrix(100, 50)
    points = cv2.perspectiveTransform(np.array([[[0., 0], [100, 0], [100, 50], [0, 50]]]), matrix)
    np.testing.assert_allclose(points[0], [[20, 5], [100, 0], [95, 42.5], [0, 50]], atol=1e-3)


def test_long_words_turn_less():
    # The far end rises by the width times the sine.
    assert 300 * np.sin(np.radians(largest_angle(300, 30))) == pytest.approx(2.2 * 30)
    assert largest_angle(20, 30) == 90
    transform = RandomTextGeometry(prob=1)
    transform._draw = lambda: GeometryParams(angle=45.)
    height, width = transform(dict(img=np.zeros((30, 300, 3), np.uint8)))['img_shape']
    assert height < 3.3 * 30 * width / 300 * 1.05


@pytest.mark.parametrize('shape', [(1, 1, 3), (40, 1, 3), (1, 200, 3), (20, 30), (20, 30, 1),
                                   (7, 1), (32, 100, 4)])
def test_odd_shapes(shape):
    img = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for seed in range(30):
        out = run(RandomTextGeometry(prob=1), img, seed)
        assert out['img'].ndim == img.ndim and out['img'].shape[2:] == shape[2:]
        assert min(out['img'].shape) >= 1
        assert out['img_shape'] == out['img'].shape[:2]
        assert out['img'].min() >= img.min() and out['img'].max() <= img.max()


def test_large_images_are_made_smaller_and_masks_of_another_size_refused():
    for seed in range(10):
        out = run(RandomTextGeometry(prob=1, max_side=200), np.zeros((200, 900, 3), np.uint8), seed)
        assert max(out['img_shape']) == 200
    with pytest.raises(ValueError, match=r'\(5, 5\).*\(32, 100\)'):
        run(RandomTextGeometry(prob=1), word(), gt_seg_map=np.zeros((5, 5), np.uint8))
