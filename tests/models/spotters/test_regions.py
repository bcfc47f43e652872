import numpy as np
import pytest
import torch

from mmocr_siga.models.spotters import border_grid
from mmocr_siga.models.spotters.regions import (
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


def test_a_polygon_that_crosses_itself_is_ignored():
    found = check([([10, 10, 60, 40, 60, 10, 10, 40], 'ab')])
    assert found.faults == 1 and found.instances.ignored.tolist() == [True]
    points = found.instances.polygons[0].reshape(-1, 2)
    assert (points.min(0) == [10, 10]).all() and (points.max(0) == [60, 40]).all()


def test_a_polygon_that_reaches_far_out_is_cut_and_ignored():
    found = check([(rectangle(10, 10, 1e7, 30), 'ab')])
    assert found.faults == 1 and found.instances.ignored.tolist() == [True]
    assert found.instances.polygons[0].max() == 128


def test_hashes_and_empty_texts_are_ignored_without_being_faults():
    found = check([(rectangle(10, 10, 60, 30), '###'), (rectangle(10, 40, 60, 60), ''),
                   (rectangle(10, 70, 60, 90), 'ok')])
    assert found.faults == 0 and found.instances.ignored.tolist() == [True, True, False]


def test_scenes_without_words_or_without_texts():
    found = check([])
    assert len(found.instances) == 0 and found.instances.bboxes.shape == (0, 4)
    sample = scene([(rectangle(10, 10, 60, 30), 'ab')])
    del sample.gt_instances.texts
    found = checked_scene(sample.gt_instances, SIZE)
    assert found.instances.ignored.tolist() == [False] and 'texts' not in found.instances
    words = word_regions([found.instances], str, 4)
    assert words.borders.shape == (0, 2, 4, 2) and words.texts == []


def test_words_that_can_be_read():
    label = {'ab': 'ab', 'CD': 'cd', '!!': None}.get
    one = check([(rectangle(10, 10, 60, 30), 'ab'), (rectangle(10, 40, 60, 60), '###'),
                 (rectangle(0, 62, 60, 64), 'ab')]).instances
    two = check([(rectangle(10, 10, 60, 30), '!!'), (rectangle(20, 40, 100, 60), 'CD')]).instances
    words = word_regions([one, two], label, 3)
    # The second is ignored, the third is lower than 4 pixels, the fourth has no known character.
    assert words.texts == ['ab', 'cd'] and words.index.tolist() == [0, 1]
    assert words.rows == [0, 1]
    assert words.borders.dtype == torch.float32
    assert words.borders[1].tolist() == [[[20, 40], [60, 40], [100, 40]],
                                         [[20, 60], [60, 60], [100, 60]]]


def test_an_annotated_word_is_read_from_its_first_point():
    # Turned by a half: reading begins at the lower right corner of the picture.
    points = np.array([[60, 30], [10, 30], [10, 10], [60, 10]], float)
    borders = region_borders(points, 2, ordered=True)
    assert borders.tolist() == [[[60, 30], [10, 30]], [[60, 10], [10, 10]]]
    # A detector does not know: from left to right.
    borders = region_borders(points, 2, ordered=False)
    assert borders.tolist() == [[[10, 10], [60, 10]], [[10, 30], [60, 30]]]


@pytest.mark.parametrize('ordered', [True, False])
def test_an_upright_word_is_read_along_its_long_side(ordered):
    points = rectangle(10, 10, 20, 60).reshape(-1, 2).astype(float)
    borders = region_borders(points, 2, ordered)
    # Downwards; what was right is above.
    assert borders.tolist() == [[[20, 10], [20, 60]], [[10, 10], [10, 60]]]


def test_detections_that_enclose_nothing_are_left_out():
    words = detected_regions([[[1, 1, 2, 2]], [rectangle(500, 1, 600, 20),
                                               rectangle(10, 10, 60, 30)]], [SIZE, SIZE], 2)
    assert words.index.tolist() == [1] and words.rows == [1] and words.texts == []
    assert words.borders.tolist() == [[[[10, 10], [60, 10]], [[10, 30], [60, 30]]]]


def test_places_of_a_region_are_where_it_is_sampled():
    rng = np.random.default_rng(0)
    borders = rng.uniform(0, 50, (2, 5, 2))
    grid = border_grid(torch.tensor(borders)[None], (3, 7))[0].numpy()
    x, y = (np.arange(7) + 0.5) / 7, (np.arange(3) + 0.5) / 3
    places = np.stack(np.meshgrid(x, y), -1)
    np.testing.assert_allclose(region_points(borders, places), grid, atol=1e-10)


def test_a_curved_detection_is_read_along_its_arc():
    angle = np.linspace(np.pi, 2 * np.pi, 15)  # over the top, from left to right
    arc = np.stack([np.cos(angle), np.sin(angle)], 1)
    polygon = np.concatenate([64 + 60 * arc, 64 + 40 * arc[::-1]])
    for start in (0, 9, 20):
        words = detected_regions([[np.roll(polygon, start, 0).reshape(-1)]], [(128, 128)], 9)
        top, bottom = words.borders[0].numpy() - 64
        np.testing.assert_allclose(np.hypot(*top.T), 60, atol=1.5)
        np.testing.assert_allclose(np.hypot(*bottom.T), 40, atol=1.5)
        assert (np.diff(top[:, 0]) > 0).all() and (np.diff(bottom[:, 0]) > 0).all()
