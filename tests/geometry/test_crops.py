import cv2
import numpy as np
import pytest

from mmocr_siga.geometry.crops import crop_word, reading_directions, word_warp
from mmocr_siga.geometry.polygons import polygon_points, resample_border

PICTURE = np.random.default_rng(0).integers(0, 256, (120, 200, 3)).astype(np.uint8)


def upright(left, top, right, bottom):
    return polygon_points([left, top, right, top, right, bottom, left, bottom])


def warp_of(points, **options):
    return word_warp(*reading_directions(points)[0], **options)


def arc(count=9, begin=160, end=20):
    angles = np.radians(np.linspace(begin, end, count))
    ray = np.stack([np.cos(angles), -np.sin(angles)], 1)
    return 80 * ray + (100, 100), 50 * ray + (100, 100)


class TestUpright:

    @pytest.mark.parametrize('margin, size, inner, there', [
        ((0, 0), (70, 40), (0, 0, 70, 40), np.s_[30:70, 20:90]),
        ((.25, .1), (90, 48), (10, 4, 80, 44), np.s_[26:74, 10:100])])
    def test_a_box_is_what_slicing_gives(self, margin, size, inner, there):
        warp = warp_of(upright(20, 30, 90, 70), margin=margin)
        assert warp.size == size and warp.inner == inner
        for picture in (PICTURE, PICTURE[..., 0]):
            assert (crop_word(picture, warp) == picture[there]).all()

    def test_beyond_the_picture_its_border_goes_on(self):
        crop = crop_word(PICTURE, warp_of(upright(-10, 90, 60, 130)))
        wanted = cv2.copyMakeBorder(PICTURE[90:, :60], 0, 10, 10, 0, cv2.BORDER_REPLICATE)
        assert (crop == wanted).all()
        with pytest.raises(ValueError, match='nothing of the word'):
            crop_word(PICTURE, warp_of(upright(300, 300, 350, 340)))

    def test_small_words_are_enlarged_and_large_ones_reduced(self):
        assert warp_of(upright(0, 0, 40, 8)).size == (160, 32)
        picture = np.tile(PICTURE, (2, 2, 1))[:192]
        warp = warp_of(upright(0, 0, 400, 192))
        assert warp.size == (133, 64)
        # A row is the mean of three.
        wanted = picture.reshape(64, 3, 400, 3).mean(1).mean(1)
        assert np.abs(crop_word(picture, warp).astype(float).mean(1) - wanted).max() <= 3
        # 60 times as wide as high, and compressed.
        assert warp_of(upright(0, 0, 1920, 32)).size == (1024, 32)


class TestPerspective:
    quad = polygon_points([30, 20, 150, 40, 140, 90, 40, 60])

    def test_corners(self):
        warp = warp_of(self.quad, margin=(.1, .2))
        left, top, right, bottom = warp.inner
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        assert np.allclose(warp.to_picture(corners), self.quad)
        assert warp.homography is not None and warp.points is None
        far = warp_of(self.quad + 1e6)
        assert np.allclose(far.to_picture([[5, 7]]), warp_of(self.quad).to_picture([[5, 7]]) + 1e6)

    @pytest.mark.parametrize('points', [
        [0, 0, 100, 0, 20, 10, 10, 60],       # a corner that points inwards
        [0, 29, 100, 0, 100, 60, 0, 30.5],    # a wedge, whose horizon is near
    ])
    def test_quads_without_a_useful_perspective_get_a_spline(self, points):
        warp = warp_of(polygon_points(points), margin=(.2, .2))
        assert warp.homography is None and len(warp.points) == 6
        assert np.isfinite(warp.to_picture([[0, 0], warp.size])).all()
        assert crop_word(PICTURE, warp).shape[:2] == warp.size[::-1]


class TestSpline:

    def test_borders_go_onto_borders(self):
        top, bottom = arc()
        warp = word_warp(top, bottom, margin=(.1, .1))
        left, high, right, low = warp.inner
        x = np.linspace(left, right, 8)
        for y, border in ((high, top), (low, bottom)):
            found = warp.to_picture(np.stack([x, np.full(8, y)], 1))
            assert np.allclose(found, resample_border(border, 8), atol=1e-3)
        # The size is that of the straight word.
        warp = word_warp(*arc(33))
        middle = np.radians(140) * 65
        assert warp.size == (pytest.approx(middle * 32 / 30, abs=1), 32)

    def test_a_curved_word_is_straightened(self):
        # Brightness tells the angle, and so the place along the word.
        y, x = np.mgrid[:120, :200] + .5
        angle = np.degrees(np.arctan2(100 - y, x - 100))
        picture = np.clip(angle, 0, 255).astype(np.uint8)
        crop = crop_word(picture, word_warp(*arc(9))).astype(float)
        wanted = 160 - 140 * (np.arange(crop.shape[1]) + .5) / crop.shape[1]
        difference = np.abs(crop[4:-4, 4:-4] - wanted[4:-4])
        assert difference.max() < 2.5 and difference.mean() < 1


class TestReadingDirections:

    @pytest.mark.parametrize('ordered', [True, False])
    def test_words_that_lie_have_one_and_words_that_stand_three(self, ordered):
        (top, bottom), = reading_directions(upright(0, 0, 30, 10), ordered)
        assert top.tolist() == [[0, 0], [30, 0]] and bottom.tolist() == [[0, 10], [30, 10]]
        down, up, as_it_is = reading_directions(upright(0, 0, 10, 30), ordered)
        assert [b.tolist() for b in down] == [[[10, 0], [10, 30]], [[0, 0], [0, 30]]]
        assert [b.tolist() for b in up] == [[[0, 30], [0, 0]], [[10, 30], [10, 0]]]
        assert [b.tolist() for b in as_it_is] == [[[0, 0], [10, 0]], [[0, 30], [10, 30]]]

    def test_an_annotated_word_that_runs_downwards_has_one(self):
        (top, bottom), = reading_directions(np.roll(upright(0, 0, 10, 30), -1, 0))
        assert top.tolist() == [[10, 0], [10, 30]] and bottom.tolist() == [[0, 0], [0, 30]]
        # From which ratio on a word stands.
        assert [len(reading_directions(upright(0, 0, 10, 30), True, r)) for r in (2.9, 3.1)
                ] == [3, 1]

    def test_a_detected_word_that_rises_steeply(self):
        turn = np.radians(70)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        points = upright(0, 0, 40, 10) @ matrix
        likely, turned, as_it_is = reading_directions(np.roll(points, 1, 0), ordered=False)
        assert np.allclose(likely, [points[:2], points[[3, 2]]])
        assert np.allclose(turned, [points[[2, 3]], points[[1, 0]]])
        # Its upper end is its top.
        assert np.allclose(as_it_is, [points[[1, 2]], points[[0, 3]]])


@pytest.mark.parametrize('shape', [(1, 1), (1, 40_000), (40_000, 1)])
def test_pictures_of_all_sizes(shape):
    picture = np.full(shape, 9, np.uint8)
    warp = warp_of(upright(0, 0, *shape[::-1]))
    crop = crop_word(picture, warp)
    assert crop.shape == warp.size[::-1] and (crop == 9).all()
