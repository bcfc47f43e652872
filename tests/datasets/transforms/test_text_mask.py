import numpy as np
import pytest
from mmocr.registry import TRANSFORMS

from mmocr_siga.datasets.transforms.functional import gray_image

# A dark image with a bright bar away from the border.
MASK = np.zeros((8, 12), np.uint8)
MASK[3:5, 2:10] = 1
BAR = np.where(MASK[..., None] == 1, np.uint8(220), np.uint8(30)).repeat(3, 2)


def make(img):
    return TRANSFORMS.build(dict(type='TextMask'))(dict(img=img))['gt_seg_map']


@pytest.mark.parametrize('image', [
    BAR, 255 - BAR, BAR[..., 0], BAR[..., :1], BAR.astype(np.float32), BAR.astype(np.float64),
    np.asfortranarray(BAR), BAR[::-1, ::-1][::-1, ::-1]])
def test_the_bar_is_text_whatever_the_kind_of_image(image):
    kept = image.copy()
    made = make(image)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, MASK)
    # The image is left alone and the mask is not tied to it.
    made[:] = 1
    np.testing.assert_array_equal(image, kept)


def test_colors_weigh_as_bgr():
    # Gray of pure blue is 29, of pure red 76, of pure green 150 (BT.601).
    gray = gray_image(np.array([[[255, 0, 0], [0, 0, 255], [0, 255, 0]]], np.uint8))
    np.testing.assert_array_equal(gray, [[29, 76, 150]])


@pytest.mark.parametrize('shape', [(1, 1, 3), (1, 9, 3), (9, 1)])
def test_the_smallest_images(shape):
    img = np.zeros(shape, np.uint8)
    img.reshape(-1)[:3] = 255
    mask = make(img)
    assert mask.shape == shape[:2] and set(np.unique(mask)) <= {0, 1}


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
