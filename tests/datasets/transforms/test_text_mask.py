import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms import TextMask
from mmocr_siga.datasets.transforms.functional import grey_image


def bright_bar(height=8, width=12):
    """Dark image with a bright bar away from the border, and the bar's mask."""
    mask = np.zeros((height, width), np.uint8)
    mask[3:5, 2:10] = 1
    return np.where(mask[..., None] == 1, np.uint8(220), np.uint8(30)).repeat(3, 2), mask


def make(img):
    return TextMask()(dict(img=img))['gt_seg_map']


def test_the_bar_is_text_whether_bright_or_dark():
    img, mask = bright_bar()
    for image in (img, 255 - img):
        made = make(image)
        assert made.dtype == np.uint8
        np.testing.assert_array_equal(made, mask)


def test_grey_float_and_strided_images_give_the_same_mask():
    img, mask = bright_bar()
    for image in (img[..., 0], img[..., :1], img.astype(np.float32), img.astype(np.float64),
                  np.asfortranarray(img), img[::-1, ::-1][::-1, ::-1]):
        np.testing.assert_array_equal(make(image), mask)


def test_colors_weigh_as_bgr():
    # Grey of pure blue is 29, of pure red 76, of pure green 150 (BT.601).
    grey = grey_image(np.array([[[255, 0, 0], [0, 0, 255], [0, 255, 0]]], np.uint8))
    np.testing.assert_array_equal(grey, [[29, 76, 150]])


def test_one_grey_level_has_no_text():
    assert make(np.full((5, 7, 3), 99, np.uint8)).sum() == 0


@pytest.mark.parametrize('shape', [(1, 1, 3), (1, 9, 3), (9, 1, 3), (9, 1), (1, 9)])
def test_the_smallest_images(shape):
    img = np.zeros(shape, np.uint8)
    img.reshape(-1)[:3] = 255
    mask = make(img)
    assert mask.shape == shape[:2]
    assert set(np.unique(mask)) <= {0, 1}


def test_the_image_is_left_alone_and_the_mask_is_not_tied_to_it():
    img, _ = bright_bar()
    kept = img.copy()
    results = TextMask()(dict(img=img))
    results['gt_seg_map'][:] = 1
    np.testing.assert_array_equal(img, kept)


@pytest.mark.parametrize('img, message', [
    (np.zeros((4, 0, 3), np.uint8), r'\(4, 0, 3\)'),
    (np.zeros((4, 4, 4), np.uint8), r'\(4, 4, 4\).*EnsureBGR'),
    (np.zeros((4, ), np.uint8), r'\(4,\)'),
    (np.zeros((4, 4), np.uint16), 'uint16.*EnsureBGR'),
    (np.zeros((4, 4), bool), 'bool.*EnsureBGR'),
])
def test_other_images_are_refused(img, message):
    with pytest.raises(ValueError, match=message):
        make(img)


def test_it_is_registered():
    assert isinstance(TRANSFORMS.build(dict(type='TextMask')), TextMask)
