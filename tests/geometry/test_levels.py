import numpy as np
import pytest

from mmocr_siga.geometry.levels import Level, merge_levels, useful_reductions


def box(left, top, right, bottom):
    return np.array([left, top, right, top, right, bottom, left, bottom], float)


def level(factor, *boxes):
    return Level([box(*each[:4]) for each in boxes], [each[4] for each in boxes], factor)


def merged(*levels):
    polygons, scores = merge_levels(levels)
    return sorted((*polygon[[0, 1, 4, 5]], score) for polygon, score in zip(polygons, scores))


SMALL = (10, 10, 60, 30, .9)


def test_the_first_level_stays_as_it_is():
    assert merged(level(1, SMALL, (12, 12, 50, 28, .7))) == sorted([SMALL, (12, 12, 50, 28, .7)])
    assert merged(level(1)) == [] and merged(level(1), level(.5)) == []


@pytest.mark.parametrize('height, added', [(63, False), (64, True)])
def test_others_add_what_is_large(height, added):
    large = (100, 0, 400, height, .8)  # 32 pixels at half the size
    expected = sorted([SMALL, large]) if added else [SMALL]
    assert merged(level(1, SMALL), level(.5, large)) == expected


@pytest.mark.parametrize('pieces, replaced', [
    ([(0, 0, 140, 100, .9)], True),                            # less than half is found
    ([(0, 0, 160, 100, .9)], False),                           # more than half
    ([(0, 0, 140, 100, .9), (160, 0, 300, 100, .8)], True),    # all of it, but in two pieces
    ([(-200, 0, 160, 100, .9)], False),                        # no piece of it: it reaches beyond
    ([(-50, 0, 100, 100, .9), (150, 0, 350, 100, .9)], True),  # with two thirds and three quarters
])
def test_words_take_the_place_of_their_pieces(pieces, replaced):
    word = (0, 0, 300, 100, .7)
    expected = [word] if replaced else sorted(pieces)
    assert merged(level(1, *pieces), level(.5, word)) == expected
    beside = (0, 200, 90, 230, .6)
    assert merged(level(1, *pieces, beside), level(.5, word)) == sorted([*expected, beside])


def test_what_is_new_is_not_found_twice():
    word, again = (0, 0, 300, 200, .7), (4, 2, 302, 203, .9)
    assert merged(level(1), level(.5, word), level(.25, again)) == [word]
    assert merged(level(1), level(.5, word, again)) == [again]  # the surest first


def test_regions_without_an_area_add_nothing():
    assert merged(level(1, SMALL), level(.5, (100, 100, 400, 100, .9))) == [SMALL]
    assert merged(level(1, (5, 5, 5, 5, .9)), level(.5, (0, 0, 300, 100, .7))) == [
        (0, 0, 300, 100, .7), (5, 5, 5, 5, .9)]


def test_turned_words_are_as_high_as_they_are():
    turned = Level([np.array([100., 0, 300, 200, 280, 220, 80, 20])], [.9], 1)  # 28 pixels
    assert merge_levels([level(1), turned])[0] == []
    assert len(merge_levels([level(1), turned._replace(factor=1.2)])[0]) == 1


def test_sizes_that_show_words():
    assert useful_reductions(96, 255, (2, 4)) == [2]
    assert useful_reductions(256, 32, (2, 4)) == [2, 4]
    assert useful_reductions(96, 127, (2, 4)) == useful_reductions(5, 999, ()) == []
