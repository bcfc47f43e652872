import numpy as np
import pytest
from shapely.geometry import Polygon

from mmocr_siga.evaluation.spotting_protocol import (
    Counts,
    count_hits,
    dictionary_form,
    hmean,
    in_dictionary,
    overlaps,
    same_text,
)


def box(x, y, w=10, h=4):
    return [x, y, x + w, y, x + w, y + h, x, y + h]


@pytest.mark.parametrize('text, form, asked', [
    ('Word', 'Word', True),
    ("Joe's", 'Joe', True),
    ("JOE'S", 'JOE', True),
    ('-re-do-', 're-do', True),
    ('(Exit)!', 'Exit', True),
    ("don't", 'don t', False),
    ('a.m.', 'a m', False),
    ('to', 'to', False),
    ("it's", 'it', False),
    ('A4', 'A4', False),
    ('4ever', '4ever', False),
    ('12:30', '12 30', False),
    ('caf\u00e9', 'caf\u00e9', True),
    ('a\u00d7bc', 'a\u00d7bc', False),
    ('New York', 'New York', False),
    ('\u4e2d\u6587\u5b57', '\u4e2d\u6587\u5b57', False),
    ('50%', '50%', False),
    ('', '', False),
    ('###', '###', False),
])
def test_words_of_a_dictionary(text, form, asked):
    assert dictionary_form(text) == form and in_dictionary(text) is asked


@pytest.mark.parametrize('truth, reading, end_to_end, spotting', [
    ('Exit', 'exit', True, True),
    ('Exit', 'exlt', False, False),
    ('Exit!', 'EXIT!', True, False),
    ('Exit!', 'exit', True, True),
    ('(Exit)', 'exit', True, True),
    ('(Exit)', '(exit', True, False),
    ('Exit!!', 'exit', False, True),
    ('Exit', 'exit!', False, False),
    ("Joe's", 'joe', False, True),
    ("Joe's", 'joes', False, False),
    ("Joe's", "joe's", True, False),
    ('', '', True, True),
    ('!', '', True, True),
    ('Exit', '', False, False),
])
def test_right_readings(truth, reading, end_to_end, spotting):
    assert same_text(truth, reading, 'end_to_end') is end_to_end
    assert same_text(truth, reading, 'word_spotting') is spotting
    assert same_text(truth, reading, 'detection') is True


def test_thresholds_by_hand():
    words = [box(0, 0)]  # 40 square pixels
    # Shifted by 3 and by 4: intersection 28 and 24, union 52 and 56.
    found = overlaps(words, [box(3, 0), box(4, 0)], iou=0.5, cover=0.65)
    assert found.pairs.tolist() == [[0, 0]]
    assert found.covered.tolist() == [[0, 0]]
    # Exactly the threshold is not above it: 20 of 40, 20 of 60.
    assert overlaps(words, [box(5, 0)], iou=1 / 3, cover=.5).pairs.tolist() == []
    assert overlaps(words, [box(5, 0)], iou=1 / 3, cover=.5).covered.tolist() == []


def test_regions_that_enclose_nothing_and_none_at_all():
    found = overlaps([[0, 0, 1, 1, 2, 2], box(0, 0)], [box(0, 0), [5, 5, 6, 6], box(0, 0, 0, 0)])
    assert found.pairs.tolist() == [[1, 0]] and found.lost_words == 1
    for words, detections in ((0, 3), (3, 0), (0, 0)):
        found = overlaps([box(0, 0)] * words, [box(0, 0)] * detections)
        assert found.pairs.shape == found.covered.shape == (0, 2)
    assert hmean(Counts(0, 3, 0)) == hmean(Counts(3, 0, 0)) == (0, 0, 0)


def brute_force(words, detections, iou, cover):
    """Every pair, without a look at the boxes."""
    pairs, covered = [], []
    for i, a in enumerate(words):
        for j, b in enumerate(detections):
            a_shape, b_shape = (Polygon(np.reshape(p, (-1, 2))) for p in (a, b))
            shared = a_shape.intersection(b_shape).area
            if shared / a_shape.union(b_shape).area > iou:
                pairs.append([i, j])
            if shared / b_shape.area > cover:
                covered.append([i, j])
    return pairs, covered


@pytest.mark.parametrize('seed', range(2))
def test_against_every_pair(seed):
    rng = np.random.default_rng(seed)

    def quads(count):
        # Convex: corners on a circle, at growing angles.
        angles = np.sort(rng.uniform(0, 2 * np.pi, (count, 5)))
        size, center = rng.uniform(4, 15, (count, 1, 1)), rng.uniform(0, 40, (count, 1, 2))
        return list((np.stack([np.cos(angles), np.sin(angles)], -1) * size + center)
                    .reshape(count, -1))

    words, detections = quads(40), quads(50)
    found = overlaps(words, detections, 0.2, 0.4)
    pairs, covered = brute_force(words, detections, 0.2, 0.4)
    assert found.pairs.tolist() == pairs and found.covered.tolist() == covered
    assert len(pairs) > 10 and len(covered) > 20


class TestCountHits:
    """One picture: a word that is read, one read wrongly, one missed, one to be ignored."""
    words = [box(0, 0), box(20, 0), box(40, 0), box(60, 0)]
    truths = ['Exit', 'Cafe', 'B52', '###']
    care = np.array([True, True, True, False])

    def count(self, detections, readings, protocol):
        return count_hits(overlaps(self.words, detections), self.truths, self.care, readings,
                          protocol)

    def test_by_hand(self):
        detections = [box(1, 0), box(20, 1), box(61, 0), box(62, 0, 4, 2), box(80, 0)]
        readings = ['EXIT', 'care', 'xyz', 'q', 'none']
        # The two over the ignored word do not count: one with another size lies in it, too.
        assert self.count(detections, readings, 'end_to_end') == Counts(3, 3, 1)
        assert self.count(detections, readings, 'detection') == Counts(3, 3, 2)
        # B52 is not asked for here.
        assert self.count(detections, readings, 'word_spotting') == Counts(2, 3, 1)

    def test_a_word_not_asked_for_is_a_region_to_be_ignored(self):
        detections, readings = [box(0, 0), box(40, 0)], ['exit', 'b52']
        assert self.count(detections, readings, 'end_to_end') == Counts(3, 2, 2)
        assert self.count(detections, readings, 'word_spotting') == Counts(2, 1, 1)

    def test_a_second_detection_of_a_word_is_wrong(self):
        # The first one takes the word, though only the second was read rightly.
        assert self.count([box(0, 0), box(0, 0)], ['exlt', 'exit'], 'end_to_end') == Counts(3, 2, 0)
        assert self.count([box(0, 0), box(0, 0)], ['exit', 'exit'], 'end_to_end') == Counts(3, 2, 1)

    def test_a_detection_serves_one_word(self):
        found = overlaps([box(0, 0), box(0, 0)], [box(0, 0)])
        assert count_hits(found, ['a', 'a'], np.array([True, True]), ['a']) == Counts(2, 1, 1)

    def test_left_out_detections(self):
        assert self.count([box(0, 0), box(0, 0)], [None, 'exit'], 'end_to_end') == Counts(3, 1, 1)
