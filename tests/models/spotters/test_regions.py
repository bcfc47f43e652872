import numpy as np
import pytest
import torch
from shapely.geometry import Polygon

from mmocr_siga.geometry.grids import border_grid
from mmocr_siga.models.spotters.regions import (
    background_regions,
    checked_scene,
    detected_regions,
    region_borders,
    region_points,
    word_regions,
)
from tests.helpers.spotters import rectangle, scene

SIZE = (96, 128)


def check(words, **options):
    return checked_scene(scene(words, **options).gt_instances, SIZE)


def test_good_words_pass_as_they_are_in_copies():
    sample = scene([(rectangle(10, 10, 60, 30), 'ab'), (rectangle(0, 40, 60, 60), 'x')],
                   ignored=[False, True])
    found = checked_scene(sample.gt_instances, SIZE)
    assert found.faults == 0
    assert found.instances.texts == ['ab', 'x']
    assert found.instances.ignored.tolist() == [False, True]
    np.testing.assert_array_equal(found.instances.polygons[0], rectangle(10, 10, 60, 30))
    found.instances.polygons[0][:] = 0
    assert sample.gt_instances.polygons[0].any()


@pytest.mark.parametrize('polygon', [
    [5, 5], [5, 5, 20, 5], [5, 5, 5, 5, 5, 5, 5, 5], [], [0, 0, 9, 0, 9],
    [1, 1, np.nan, 1, 9, 9, 1, 9], [200, 5, 260, 5, 260, 30, 200, 30]])
def test_what_is_no_region_of_the_picture_is_left_out_and_counted(polygon):
    found = check([(polygon, 'ab'), (rectangle(10, 10, 60, 30), 'cd')])
    assert found.faults == 1 and found.instances.texts == ['cd']
    assert len(found.instances.bboxes) == len(found.instances.ignored) == 1


@pytest.mark.parametrize('polygon, corner', [
    ([10, 10, 60, 40, 60, 10, 10, 40], [60, 40]),  # crosses itself
    (rectangle(10, 10, 1e7, 30), [128, 30]),  # reaches far out
])
def test_what_a_polygon_encloses_of_the_picture_is_ignored(polygon, corner):
    found = check([(polygon, 'ab')])
    assert found.faults == 1 and found.instances.ignored.tolist() == [True]
    points = found.instances.polygons[0].reshape(-1, 2)
    assert points.min(0).tolist() == [10, 10] and points.max(0).tolist() == corner


def test_hashes_empty_texts_no_texts_and_no_words_are_no_faults():
    found = check([(rectangle(10, 10, 60, 30), '###'), (rectangle(10, 40, 60, 60), ''),
                   (rectangle(10, 70, 60, 90), 'ok')])
    assert found.faults == 0 and found.instances.ignored.tolist() == [True, True, False]
    found = check([])
    assert len(found.instances) == 0 and found.instances.bboxes.shape == (0, 4)
    sample = scene([(rectangle(10, 10, 60, 30), 'ab')])
    del sample.gt_instances.texts
    found = checked_scene(sample.gt_instances, SIZE)
    assert found.instances.ignored.tolist() == [False] and 'texts' not in found.instances
    words = word_regions([found.instances], str, count=4)
    assert words.borders.shape == (0, 2, 4, 2) and words.texts == []


def test_words_that_can_be_read():
    label = {'ab': 'ab', 'CD': 'cd', '!!': None}.get
    one = check([(rectangle(10, 10, 60, 30), 'ab'), (rectangle(10, 40, 60, 60), '###'),
                 (rectangle(0, 62, 60, 64), 'ab')]).instances
    two = check([(rectangle(10, 10, 60, 30), '!!'), (rectangle(20, 40, 100, 60), 'CD')]).instances
    words = word_regions([one, two], label, count=3)
    # The second is ignored, the third is lower than 4 pixels, the fourth has no known character.
    assert words.texts == ['ab', 'cd'] and words.index.tolist() == [0, 1]
    assert words.rows == [0, 1]
    assert words.borders.dtype == torch.float32
    assert words.borders[1].tolist() == [[[20, 40], [60, 40], [100, 40]],
                                         [[20, 60], [60, 60], [100, 60]]]


@pytest.mark.parametrize('points, ordered, borders', [
    # Turned by a half: reading begins at the first point, the lower right corner of the picture.
    ([60, 30, 10, 30, 10, 10, 60, 10], True, [[[60, 30], [10, 30]], [[60, 10], [10, 10]]]),
    # A detector does not know: from left to right.
    ([60, 30, 10, 30, 10, 10, 60, 10], False, [[[10, 10], [60, 10]], [[10, 30], [60, 30]]]),
    # Upright words are read downwards; what was right is above.
    (rectangle(10, 10, 20, 60), True, [[[20, 10], [20, 60]], [[10, 10], [10, 60]]]),
    (rectangle(10, 10, 20, 60), False, [[[20, 10], [20, 60]], [[10, 10], [10, 60]]]),
])
def test_borders_along_which_a_word_is_read(points, ordered, borders):
    points = np.reshape(points, (-1, 2)).astype(float)
    assert region_borders(points, ordered, 2).tolist() == borders


def test_detections_that_enclose_nothing_are_left_out():
    words = detected_regions([[[1, 1, 2, 2]], [rectangle(500, 1, 600, 20),
                                               rectangle(10, 10, 60, 30)]], [SIZE, SIZE], 2)
    assert words.index.tolist() == [1] and words.rows == [1] and words.texts == ['']
    assert words.borders.tolist() == [[[[10, 10], [60, 10]], [[10, 30], [60, 30]]]]


def test_places_of_a_region_are_where_it_is_sampled():
    rng = np.random.default_rng(0)
    borders = rng.uniform(0, 50, (2, 5, 2))
    grid = border_grid(torch.tensor(borders)[None], (3, 7))[0].numpy()
    x, y = (np.arange(7) + 0.5) / 7, (np.arange(3) + 0.5) / 3
    places = np.stack(np.meshgrid(x, y), -1)
    np.testing.assert_allclose(region_points(borders, places), grid, atol=1e-10)


def words_of(*scenes):
    checked = [checked_scene(sample.gt_instances, SIZE).instances for sample in scenes]
    return word_regions(checked, lambda text: text or None, count=5), checked


def quads(found):
    """Corners of regions in circular order, as geometries."""
    corners = found.borders[:, :, [0, -1]].double().numpy()
    return [Polygon([top[0], top[1], bottom[1], bottom[0]]) for top, bottom in corners]


def test_backgrounds_touch_no_annotation_and_stay_in_the_picture():
    words = [(rectangle(10, 10, 60, 30), 'ab'), (rectangle(20, 50, 110, 80), '###'),
             ([100, 5, 125, 40, 125, 5, 100, 40], 'crossing')]
    regions, scenes = words_of(scene(words))
    assert scenes[0].ignored.tolist() == [False, True, True]
    found = background_regions(regions, scenes, [SIZE], 10.0)
    # Ten for the only word that is read.
    assert len(found.texts) == 10 and set(found.texts) == {''} and set(found.rows) == {-1}
    taken = [Polygon(np.reshape(p, (-1, 2))) for p in
             (rectangle(10, 10, 60, 30), rectangle(20, 50, 110, 80), rectangle(100, 5, 125, 40))]
    for quad in quads(found):
        left, top, right, bottom = quad.bounds
        assert min(left, top) >= -1e-3 and right <= 128 + 1e-3 and bottom <= 96 + 1e-3
        assert not any(quad.intersects(region) for region in taken)


def test_backgrounds_have_the_shape_of_words():
    regions, scenes = words_of(scene([(rectangle(10, 10, 50, 20), 'ab')]))
    found = background_regions(regions, scenes, [SIZE], 9.0)
    assert found.borders.shape[1:] == (2, 5, 2)
    widths = (found.borders[:, :, -1] - found.borders[:, :, 0]).norm(dim=-1)
    heights = (found.borders[:, 1] - found.borders[:, 0]).norm(dim=-1)
    # 40 x 10 pixels, by factors from 0.35 to 1.25; no lower than 4 pixels.
    assert widths.min() >= 14 - 1e-3 and widths.max() <= 50 + 1e-3
    assert heights.min() >= 4 - 1e-3 and heights.max() <= 12.5 + 1e-3
    # They lie as the word does: along x, read from the left.
    assert (found.borders[:, :, -1, 0] > found.borders[:, :, 0, 0]).all()
    assert (found.borders[:, 1, 0, 1] > found.borders[:, 0, 0, 1]).all()


@pytest.mark.parametrize('share,counts', [
    (0.25, [2, 1, 1]), (0.1, [1, 1, 1]), (1.0, [6, 1, 1]), (0.0, [0, 0, 0])])
def test_numbers_of_backgrounds(share, counts):
    words = [(rectangle(5, y, 15, y + 8), 'ab') for y in range(2, 62, 10)]
    regions, scenes = words_of(scene(words), scene(words[:1]), scene([]))
    found = background_regions(regions, scenes, [SIZE] * 3, share)
    assert torch.bincount(found.index, minlength=3).tolist() == counts
    # No room.
    regions, scenes = words_of(scene([*words, (rectangle(0, 0, 128, 96), '###')]))
    found = background_regions(regions, scenes, [SIZE], share)
    assert found.borders.shape == (0, 2, 5, 2) and found.texts == []


@pytest.mark.parametrize('size', [(1, 1), (2, 500), (96, 128)])
def test_backgrounds_of_batches_without_words(size):
    regions, scenes = words_of(scene([]))
    found = background_regions(regions, scenes, [size], 0.25)
    quad, = quads(found)
    assert quad.area > 0 and quad.bounds[2] <= size[1] + 1e-3 and quad.bounds[3] <= size[0] + 1e-3
