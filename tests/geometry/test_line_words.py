import random

import numpy as np
import pytest

from mmocr_siga.geometry.line_words import gap_spans, split_line

LINE = (2, 0, 100, 10)


def boxes(*spans):
    return [[left, 1, right, 9] for left, right in spans]


@pytest.mark.parametrize('text, spans, expected', [
    ('ab', [(5, 20), (21, 40)], [(0, 2, 2, 100)]),
    # A tenth of the height, 1, is kept beside a space, or half of it.
    ('a b', [(5, 20), (20, 30), (30, 40)], [(0, 1, 2, 21), (2, 3, 29, 100)]),
    ('a b', [(5, 20), (20, 21), (21, 40)], [(0, 1, 2, 20.5), (2, 3, 20.5, 100)]),
    ('a b', [(5, 24), (20, 30), (20, 40)], [(0, 1, 2, 22), (2, 3, 22, 100)]),  # they overlap
    # Spaces may have any boxes, and be many.
    (' a  b ', [(0, 9), (5, 20), (0, 0), (50, 90), (40, 60), (7, 8)],
     [(1, 2, 2, 21), (4, 5, 39, 100)]),
    ('', [], []),
    ('  ', [(0, 1), (1, 2)], []),
])
def test_words(text, spans, expected):
    assert split_line(text, boxes(*spans), LINE) == expected


def test_words_are_those_of_the_text_side_by_side():
    draw = random.Random(0)
    for _ in range(200):
        text = ''.join(draw.choice('ab  ') for _ in range(draw.randrange(12)))
        edges = sorted(draw.uniform(2, 100) for _ in range(2 * len(text)))
        words = split_line(text, boxes(*zip(edges[::2], edges[1::2])), LINE)
        assert [text[begin:end] for begin, end, *_ in words] == text.split()
        ends = [x for *_, left, right in words for x in (left, right)]
        assert ends == sorted(ends)
        assert not words or (ends[0], ends[-1]) == (2, 100)


@pytest.mark.parametrize('columns, min_gap, expected', [
    ('.##.#...##.', .2, [(0, 6), (7, 11)]),
    ('.##.#...##.', .3, [(0, 11)]),
    ('.##.#...##.', .05, [(0, 3.5), (3.5, 6), (7, 11)]),
    ('#..........', .2, [(0, 11)]),
    ('...........', .2, []),
])
def test_gaps(columns, min_gap, expected):
    mask = np.zeros((10, 11), bool)
    mask[3] = [column == '#' for column in columns]
    assert gap_spans(mask, min_gap) == expected


def test_gaps_by_brute_force():
    random_state = np.random.default_rng(0)
    for _ in range(200):
        mask = random_state.random((4, random_state.integers(1, 40))) < .08
        columns = [x for x in range(mask.shape[1]) if any(mask[y, x] for y in range(4))]
        groups = []
        for x in columns:
            if groups and x - groups[-1][-1] - 1 <= 2:  # half of the height
                groups[-1].append(x)
            else:
                groups.append([x])
        spans = gap_spans(mask, .5)
        assert len(spans) == len(groups)
        for (left, right), group in zip(spans, groups):
            assert left <= group[0] and group[-1] + 1 <= right
        if spans:
            assert (spans[0][0], spans[-1][1]) == (0, mask.shape[1])
