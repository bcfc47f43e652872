import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import Polygon

from mmocr_siga.geometry.polygons import (
    check_polygon,
    polygon_points,
    polygon_shape,
    resample_border,
    split_borders,
)

SQUARE = [0, 0, 10, 0, 10, 5, 0, 5]
BOW_TIE = [0, 0, 10, 10, 10, 0, 0, 10]


def ribbon(angles, outer=80., inner=60., center=(100., 100.)):
    """Top and bottom border of a word on an arc over a center."""
    angles = np.radians(angles)
    ray = np.stack([np.cos(angles), -np.sin(angles)], 1)
    return outer * ray + center, inner * ray + center


def outline(top, bottom):
    return np.concatenate([top, bottom[::-1]])


def close_to(points, line, within):
    """Whether all points lie near a polyline."""
    dense = resample_border(line, 400)
    return (np.hypot(*np.moveaxis(points[:, None] - dense, -1, 0)).min(1) <= within).all()


class TestCheckPolygon:

    @pytest.mark.parametrize('polygon', [
        SQUARE, [0, 0, 0, 5, 10, 5, 10, 0], [0, 0, 10, 0, 10, 0, 10, 5, 0, 5, 0, 0]])
    def test_clockwise_from_the_first_point_without_repeats(self, polygon):
        points, problem = check_polygon(polygon)
        assert points.tolist() == [[0, 0], [10, 0], [10, 5], [0, 5]] and problem == ''
        assert points.dtype == np.float64 and Polygon(points).exterior.is_ccw  # y points down

    @pytest.mark.parametrize('polygon, words', [
        ([], 'fewer than 3 different points: 0'),
        ([0, 0], 'fewer than 3 different points: 1'),
        ([1, 1] * 6, 'fewer than 3 different points: 1'),
        ([0, 0, 10, 0, 20, 0, 5, 0], 'covers 0 square pixels'),
        ([0, 0, 1, 0, 1, .5, 0, .5], 'covers 0.5 square pixels, less than 1'),
        (BOW_TIE, 'crosses or touches itself'),
        ([float('nan')] + SQUARE[1:], 'not finite'),
        ([1e300] + SQUARE[1:], 'beyond a milliard'),
        ([0, 0, 1], 'x and y interleaved'),
        (np.zeros((2, 3, 4)), 'x and y interleaved'),
        ('word', 'no list of coordinates'),
        ([[0, 0], [1]], 'no list of coordinates'),
    ])
    def test_what_is_wrong_is_said(self, polygon, words):
        points, problem = check_polygon(polygon)
        assert points is None and words in problem

    @pytest.mark.parametrize('box, outside', [
        ((0, 0, 10, 5), False), ((-20, -20, -10, -15), True),
        ((-10, 0, 0, 5), True),  # touches its edge
        ((-9, -9, 199, 199), False)])  # holds all of it
    def test_outside_the_picture(self, box, outside):
        left, top, right, bottom = box
        polygon = [left, top, right, top, right, bottom, left, bottom]
        assert check_polygon(polygon, (100, 50)).problem == (
            'lies outside the picture of 50 x 100 pixels' if outside else '')

    def test_kinds_of_input(self):
        expected = polygon_points(SQUARE)
        for given_as in (np.array(SQUARE, np.int32), torch.tensor(SQUARE), expected.tolist(),
                         tuple(SQUARE)):
            assert (polygon_points(given_as) == expected).all()


class TestPolygonShape:

    def test_a_bow_tie_is_its_two_triangles(self):
        assert polygon_shape(BOW_TIE).area == pytest.approx(50)
        assert polygon_shape(BOW_TIE).intersection(
            polygon_shape([0, 0, 5, 0, 5, 10, 0, 10])).area == pytest.approx(25)

    @pytest.mark.parametrize('polygon', [
        [], [0, 0, 1, 1], [0, 0, 5, 5, 9, 9], [float('nan')] * 8, [1, 2, 3], None])
    def test_nothing_enclosed(self, polygon):
        assert polygon_shape(polygon) is None

    @given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=3, max_size=9))
    def test_never_fails_and_is_valid(self, points):
        shape = polygon_shape(np.array(points))
        checked = check_polygon(np.array(points))
        if shape is not None:
            assert shape.is_valid and shape.area > 0
        if checked.points is not None:
            outline = Polygon(checked.points)
            assert outline.is_valid and outline.exterior.is_ccw and outline.area >= 1 - 1e-9
            assert shape.area == pytest.approx(outline.area)
        else:
            assert checked.problem


class TestSplitBorders:

    def test_an_annotated_quad(self):
        top, bottom = split_borders(polygon_points(SQUARE))
        assert top.tolist() == [[0, 0], [10, 0]] and bottom.tolist() == [[0, 5], [10, 5]]
        # One that stands on its head.
        top, bottom = split_borders(np.roll(polygon_points(SQUARE), 2, 0))
        assert top.tolist() == [[10, 5], [0, 5]] and bottom.tolist() == [[10, 0], [0, 0]]

    @pytest.mark.parametrize('height, wanted', [
        (14, [[[0, 0], [10, 0]], [[0, 14], [10, 14]]]),
        (16, [[[10, 0], [10, 16]], [[0, 0], [0, 16]]])])  # downwards, its right side on top
    def test_an_upright_quad(self, height, wanted):
        points = polygon_points([0, 0, 10, 0, 10, height, 0, height])
        assert [border.tolist() for border in split_borders(points, ordered=False)] == wanted

    @pytest.mark.parametrize('degrees', range(-80, 81, 20))
    def test_a_turned_quad(self, degrees):
        turn = np.radians(degrees)
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        wanted = polygon_points([0, 0, 40, 0, 40, 8, 0, 8]) @ matrix
        for shift in range(4):
            top, bottom = split_borders(np.roll(wanted, shift, 0), ordered=False)
            assert np.allclose(top, wanted[:2]) and np.allclose(bottom, wanted[[3, 2]])

    @pytest.mark.parametrize('counts', [(3, 3), (5, 5), (4, 5), (5, 4), (7, 6), (3, 2)])
    def test_an_annotated_curve_is_halved(self, counts):
        angles = [np.linspace(160, 20, count) for count in counts]
        wanted = ribbon(angles[0])[0], ribbon(angles[1])[1]
        top, bottom = split_borders(outline(*wanted))
        assert (top == wanted[0]).all() and (bottom == wanted[1]).all()

    @pytest.mark.parametrize('shift', [0, 5, 11, 17])
    def test_a_detected_curve_of_many_points(self, shift):
        for smile in (False, True):
            wanted = ribbon(np.linspace(170, 10, 30))
            if smile:
                wanted = [border * (1, -1) + (0, 200) for border in wanted[::-1]]
            points = check_polygon(np.roll(outline(*wanted), shift, 0)).points
            for border, line in zip(split_borders(points, ordered=False), wanted):
                assert close_to(border, line, 3) and close_to(line, border, 3)
                assert border[0, 0] < border[-1, 0]

    def test_a_triangle_stands_for_a_rectangle(self):
        top, bottom = split_borders(polygon_points([0, 0, 10, 0, 5, 4]))
        assert np.allclose(top, [[0, 0], [10, 0]], atol=1e-4)
        assert np.allclose(bottom, [[0, 4], [10, 4]], atol=1e-4)

    @given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), min_size=3, max_size=25),
           st.booleans())
    def test_any_polygon_has_two_borders(self, points, ordered):
        points = check_polygon(np.array(points)).points
        if points is not None:
            for border in split_borders(points, ordered):
                assert border.shape[0] >= 2 and border.shape[1] == 2
                assert np.isfinite(border).all()


def test_borders_at_equal_steps():
    # A path of length 7: three to the right, four down.
    border = np.array([[0, 0], [3, 0], [3, 4]])
    assert np.allclose(resample_border(border, 8), [
        [0, 0], [1, 0], [2, 0], [3, 0], [3, 1], [3, 2], [3, 3], [3, 4]])
    # One without a length.
    assert (resample_border(np.array([[2., 3.], [2, 3]]), 3) == [2, 3]).all()
