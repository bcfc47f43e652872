import cv2
import numpy as np
import pytest

from mmocr_siga.inference.tta import LONGEST, better_result, shrunk, taken_back, views
from mmocr_siga.structures.results import WordResult


def marked(size, x, y, radius=4):
    """A dark picture with a bright square about a point, and the square's box."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[y - radius:y + radius, x - radius:x + radius] = 255
    return image, [x - radius, y - radius, x + radius, y + radius]


def middle(image):
    """Center of what is bright, from the upper left corner of the picture."""
    ys, xs = np.nonzero(image[..., 0] > 127)
    return np.array([xs.mean() + 0.5, ys.mean() + 0.5])


@pytest.mark.parametrize('size, count', [((120, 40), 6), ((40, 60), 6), ((40, 61), 8)])
def test_names_and_number(size, count):
    image, _ = marked(size, 20, 20)
    names = [view.name for view, _ in views(image)]
    assert len(set(names)) == len(names) == count
    assert [view.level for view, _ in views(image)] == [True] * 6 + [False] * (count - 6)
    for name, turn in (('on its left side', cv2.ROTATE_90_COUNTERCLOCKWISE),
                       ('on its right side', cv2.ROTATE_90_CLOCKWISE))[:count - 6]:
        seen, = (seen for view, seen in views(image) if view.name == name)
        np.testing.assert_array_equal(seen, cv2.rotate(image, turn))


@pytest.mark.parametrize('size, at', [((120, 40), (30, 22)), ((40, 100), (18, 70)),
                                      ((1600, 400), (500, 150))])
def test_matrices_tell_where_things_are(size, at):
    radius = 4 if max(size) < LONGEST else 24
    image, box = marked(size, *at, radius)
    truth = image[..., 0] > 0
    for view, seen in views(image):
        there = view.matrix @ [*at, 1]
        np.testing.assert_allclose(middle(seen), there, atol=0.6, err_msg=view.name)
        # Around the square as it is seen, and back: the square is within, and not by far.
        ys, xs = np.nonzero(seen[..., 0] > 127)
        back, = view.boxes_back([[xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]], size)
        slack = 0.05 * radius + 1.5 * size[0] / seen.shape[1]
        assert (back[:2] <= np.array(box[:2]) + slack).all(), view.name
        assert (back[2:] >= np.array(box[2:]) - slack).all(), view.name
        assert (back[2:] - back[:2] <= 4 * radius + 2 * slack).all(), view.name
        mask = view.mask_back((seen[..., 0] > 127).astype(np.uint8), size) > 0
        assert (truth & mask).sum() / (truth | mask).sum() > 0.6, view.name


def test_by_hand():
    found = {view.name: (view, seen) for view, seen in views(np.zeros((50, 100), np.uint8))}
    # 6 and 16 % less; 24 % of the height more.
    assert found['closer'][1].shape == (42, 94)
    assert found['wider'][1].shape == (62, 112)
    np.testing.assert_allclose(found['closer'][0].matrix, [[1, 0, -3], [0, 1, -4]])
    np.testing.assert_allclose(found['wider'][0].matrix, [[1, 0, 6], [0, 1, 6]])
    # cos 16 degrees = 0.9613, sin = 0.2756.
    assert found['turned left'][1].shape == (int(100 * 0.27564 + 50 * 0.96126),
                                             int(100 * 0.96126 + 50 * 0.27564))
    right = found['turned right'][0].matrix
    np.testing.assert_allclose(right[:, :2], [[0.96126, -0.27564], [0.27564, 0.96126]], atol=1e-5)
    # A row's height above the middle is moved by 0.3 columns to the left, and the middle stays.
    np.testing.assert_allclose(found['slanted left'][0].matrix @ [50, 24, 1], [49.7, 24])
    np.testing.assert_allclose(found['slanted left'][0].matrix @ [50, 25, 1], [50, 25])
    # Six pixels are added to each side.
    wider = found['wider'][0]
    np.testing.assert_allclose(wider.boxes_back([[26, 16, 36, 26]], (100, 50)), [[20, 10, 30, 20]])
    np.testing.assert_allclose(wider.shares((100, 50), (112, 62)) @ [0.2, 0.4, 1],
                               [26 / 112, 26 / 62])
    result = WordResult(text='a', mask=np.eye(62, 112, 6, np.uint8), size=(112, 62))
    back = taken_back(result, wider, WordResult('file.png', size=(100, 50)))
    assert (back.path, back.size, back.view) == ('file.png', (100, 50), 'wider')
    np.testing.assert_array_equal(back.mask, np.eye(50, 100, 6))


@pytest.mark.parametrize('shape', [(1, 1), (1, 40), (40, 1), (2, 3, 3), (20, 60)])
def test_pictures_and_boxes_of_all_sizes(shape):
    size = shape[1::-1]
    for view, seen in views(np.full(shape, 9, np.uint8)):
        assert (seen == 9).all()
        boxes = view.boxes_back([[-5, -5, *seen.shape[1::-1]]], size)
        assert (boxes >= 0).all() and (boxes <= [*size, *size]).all()
        assert view.boxes_back(np.zeros((0, 4)), size).shape == (0, 4)


def test_a_shrunken_copy_shows_the_same():
    image = cv2.resize(np.random.RandomState(0).randint(0, 256, (9, 30, 3), np.uint8), (1500, 450))
    copy = shrunk(image)
    assert copy.shape == (154, 512, 3) and shrunk(copy) is copy
    for (one, seen), (other, again) in zip(views(image), views(copy, (1500, 450))):
        assert one.name == other.name
        np.testing.assert_array_equal(one.matrix, other.matrix)
        np.testing.assert_array_equal(seen, again)


@pytest.mark.parametrize('one, other, want', [
    (('cat', 0.4), ('car', 0.5), 'car'),
    (('cat', 0.5), ('car', 0.5), 'cat'),
    (('', 0.9), ('car', 0.1), 'car'),
    (('cat', 0.1), ('', 0.9), 'cat'),
    (('', 0.1), ('', 0.2), ''),
])
def test_the_more_probable_result_counts(one, other, want):
    better = better_result(WordResult(text=one[0], score=one[1]),
                            WordResult(text=other[0], score=other[1]))
    assert better.text == want and better.nbest is None


@pytest.mark.parametrize('one, other, want', [
    ([('cat', .4), ('car', .3), ('ca', .1)], [('car', .5), ('cap', .35), ('cat', .05)],
     [('car', .5), ('cat', .4), ('cap', .35)]),
    # The first is the text, even if nothing was more probable.
    ([('', .4), ('a', .3)], [('b', .2), ('', .1)], [('b', .2), ('', .4)]),
])
def test_the_n_best_of_both(one, other, want):
    better = better_result(*(WordResult(text=nbest[0][0], score=nbest[0][1], nbest=nbest)
                             for nbest in (one, other)))
    assert (better.text, better.score) == want[0] and better.nbest == want
