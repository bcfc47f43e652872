import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms.random_scene_window import visible_share

SIZE = (120, 80)


def build(**changes):
    return TRANSFORMS.build(dict(type='RandomSceneWindow', **{'size': SIZE, **changes}))


def word(left, top, right, bottom):
    return np.array([left, top, right, top, right, bottom, left, bottom], np.float32)


def results(words, ignored=None, size=(160, 200)):
    """A black picture with a white rectangle for each word."""
    img = np.zeros((*size, 3), np.uint8)
    for polygon, _ in words:
        if len(polygon) == 8 and np.isfinite(polygon).all():
            left, top, right, bottom = np.clip(polygon[[0, 1, 4, 5]], 0, 400).astype(int)
            img[top:bottom, left:right] = 255
    return dict(img=img, img_shape=size, gt_polygons=[p for p, _ in words],
                gt_texts=[t for _, t in words],
                gt_ignored=np.array(ignored or [False] * len(words), bool),
                gt_bboxes=np.zeros((len(words), 4), np.float32),
                gt_bboxes_labels=np.arange(len(words)))


def test_words_move_with_their_picture_and_keep_their_order():
    for seed in range(20):
        np.random.seed(seed)
        out = build()(results([(word(50, 40, 110, 70), 'ab')]))
        assert out['img'].shape == (80, 120, 3) and out['img_shape'] == (80, 120)
        if not out['gt_texts']:
            continue
        points = out['gt_polygons'][0].reshape(-1, 2)
        # Reading still runs from the first point to the second, at most 10 degrees off.
        along, down = points[1] - points[0], points[3] - points[0]
        assert along[0] > 0 and abs(along[1]) < 0.25 * along[0] and down[1] > 0
        # The rectangle was drawn on whole pixels: inside it is white, outside it is not.
        middle = points.mean(0)
        for share, white in ((0.9, True), (1.2, False)):
            for corner in middle + share * (points - middle):
                x, y = np.floor(corner).astype(int)
                if 0 <= x < 120 and 0 <= y < 80:
                    assert (out['img'][y, x].max() > 127) == white


def test_without_randomness_coordinates_are_exact():
    # Twice the size around the only word, which fills the window exactly.
    transform = build(scale=(2, 2), aspect=1, angle=0, word_prob=1, size=(120, 60))
    out = transform(results([(word(50, 40, 110, 70), 'ab')]))
    np.testing.assert_allclose(out['gt_polygons'][0], word(0, 0, 120, 60), atol=1e-4)
    np.testing.assert_allclose(out['gt_bboxes'], [[0, 0, 120, 60]], atol=1e-4)
    assert (out['img'][1:-1, 1:-1] == 255).all()


def test_what_is_cut_off_is_ignored_and_what_is_gone_is_left_out():
    transform = build(scale=(1, 1), aspect=1, angle=0, word_prob=1, size=(60, 30))
    words = [(word(50, 40, 110, 70), 'whole'), (word(100, 40, 190, 70), 'cut'),
             (word(0, 100, 30, 110), 'gone'), (word(60, 45, 80, 60), '###')]
    out = transform(results(words, [False, True, True, True]))
    assert out['gt_texts'] == ['whole', 'cut', '###']
    assert out['gt_ignored'].tolist() == [False, True, True]
    assert out['gt_bboxes_labels'].tolist() == [0, 1, 3] and len(out['gt_bboxes']) == 3
    # Its points are kept, also those outside.
    np.testing.assert_allclose(out['gt_polygons'][1], word(50, 0, 140, 30), atol=1e-4)
    np.random.seed(0)
    for out in (transform(results(words[:2])) for _ in range(20)):
        shares = [visible_share(p, (60, 30)) for p in out['gt_polygons']]
        assert out['gt_ignored'].tolist() == [s < 0.95 for s in shares]


def test_the_window_stays_in_the_picture():
    transform = build(scale=(1, 1), aspect=1, angle=0, fill=(7, 7, 7))
    for seed in range(20):
        np.random.seed(seed)
        out = transform(results([(word(0, 0, 30, 20), 'ab')]))
        assert not (out['img'] == 7).any()


def test_scenes_without_words_and_with_bad_polygons():
    for size in ((1, 1), (2, 3000), (160, 200)):
        out = build()(results([], size=size))
        assert out['img'].shape == (80, 120, 3)
        assert out['gt_polygons'] == [] and out['gt_bboxes'].shape == (0, 4)
    bad = [(np.array([5., 5.]), 'a'), (np.array([], float), 'b'),
           (np.array([1, 1, np.nan, 2, 3, 3]), 'c'), (np.array([1., 2, 3]), 'd')]
    out = build()(results(bad))
    assert out['gt_texts'] == [] and len(out['gt_ignored']) == 0


@pytest.mark.parametrize('wrong', [dict(size=(0, 5)), dict(scale=(2, 1)), dict(aspect=0.5),
                                   dict(word_prob=2), dict(min_visible=-1)])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        build(**wrong)
