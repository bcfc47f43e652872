import numpy as np
import pytest
from shapely.geometry import Polygon

from mmocr_siga.evaluation import spotting_protocol as rules


def box(x, y, w=10, h=4):
    return [x, y, x + w, y, x + w, y + h, x, y + h]


@pytest.mark.parametrize('text, form, asked', [
    ('Word', 'Word', True), ("Joe's", 'Joe', True), ("JOE'S", 'JOE', True),
    ('-re-do-', 're-do', True), ('(Exit)!', 'Exit', True), ('caf\u00e9', 'caf\u00e9', True),
    ("don't", 'don t', False), ('a.m.', 'a m', False), ('to', 'to', False), ("it's", 'it', False),
    ('A4', 'A4', False), ('4ever', '4ever', False), ('12:30', '12 30', False),
    ('a\u00d7bc', 'a\u00d7bc', False), ('New York', 'New York', False),
    ('\u4e2d\u6587\u5b57', '\u4e2d\u6587\u5b57', False), ('50%', '50%', False),
    ('', '', False), ('###', '###', False)])
def test_words_of_a_dictionary(text, form, asked):
    assert rules.dictionary_form(text) == form and rules.in_dictionary(text) is asked


@pytest.mark.parametrize('truth, reading, end_to_end, spotting', [
    ('Exit', 'exit', True, True), ('Exit', 'exlt', False, False), ('Exit', 'exit!', False, False),
    ('Exit!', 'EXIT!', True, False), ('Exit!', 'exit', True, True),
    ('(Exit)', 'exit', True, True), ('(Exit)', '(exit', True, False),
    ('Exit!!', 'exit', False, True), ("Joe's", 'joe', False, True),
    ("Joe's", 'joes', False, False), ("Joe's", "joe's", True, False),
    ('', '', True, True), ('!', '', True, True), ('Exit', '', False, False)])
def test_right_readings(truth, reading, end_to_end, spotting):
    assert rules.same_text(truth, reading, 'end_to_end') is end_to_end
    assert rules.same_text(truth, reading, 'word_spotting') is spotting
    assert rules.same_text(truth, reading, 'detection') is True


def test_thresholds_by_hand():
    words = [box(0, 0)]  # 40 square pixels
    # Shifted by 3 and by 4: intersection 28 and 24, union 52 and 56.
    found = rules.overlaps(words, [box(3, 0), box(4, 0)], iou=0.5, cover=0.65)
    assert found.pairs.tolist() == [[0, 0]]
    assert found.covered.tolist() == [[0, 0]]
    # Exactly the threshold is not above it: 20 of 40, 20 of 60.
    assert rules.overlaps(words, [box(5, 0)], iou=1 / 3, cover=.5).pairs.tolist() == []
    assert rules.overlaps(words, [box(5, 0)], iou=1 / 3, cover=.5).covered.tolist() == []


def test_regions_that_enclose_nothing_and_none_at_all():
    words, detections = [[0, 0, 1, 1, 2, 2], box(0, 0)], [box(0, 0), [5, 5, 6, 6], box(0, 0, 0, 0)]
    found = rules.overlaps(words, detections)
    assert found.pairs.tolist() == [[1, 0]] and found.lost_words == 1
    for words, detections in ((0, 3), (3, 0), (0, 0)):
        found = rules.overlaps([box(0, 0)] * words, [box(0, 0)] * detections)
        assert found.pairs.shape == found.covered.shape == (0, 2)
    for counts in ((0, 3, 0), (3, 0, 0)):
        assert rules.hmean(rules.Counts(*counts)) == (0, 0, 0)


def test_against_every_pair():
    rng = np.random.default_rng(0)

    def quads(count):
        # Convex: corners on a circle, at growing angles.
        angles = np.sort(rng.uniform(0, 2 * np.pi, (count, 5)))
        size, center = rng.uniform(4, 15, (count, 1, 1)), rng.uniform(0, 40, (count, 1, 2))
        return np.stack([np.cos(angles), np.sin(angles)], -1) * size + center

    words, detections = quads(40), quads(50)
    found = rules.overlaps(words, detections, 0.2, 0.4)
    pairs, covered = [], []
    for i, word in enumerate(map(Polygon, words)):
        for j, detection in enumerate(map(Polygon, detections)):
            shared = word.intersection(detection).area
            pairs += [[i, j]] * (shared / word.union(detection).area > 0.2)
            covered += [[i, j]] * (shared / detection.area > 0.4)
    assert found.pairs.tolist() == pairs and found.covered.tolist() == covered
    assert len(pairs) > 10 and len(covered) > 20


# Two over the ignored word do not count, with whatever size; one is where nothing is.
SEVERAL = [box(1, 0), box(20, 1), box(61, 0), box(62, 0, 4, 2), box(80, 0)]


@pytest.mark.parametrize('detections, readings, protocol, counts', [
    (SEVERAL, ['EXIT', 'care', 'xyz', 'q', 'none'], 'end_to_end', (3, 3, 1)),
    (SEVERAL, ['EXIT', 'care', 'xyz', 'q', 'none'], 'detection', (3, 3, 2)),
    # B52 is not asked for in word spotting, and then a region to be ignored.
    (SEVERAL, ['EXIT', 'care', 'xyz', 'q', 'none'], 'word_spotting', (2, 3, 1)),
    ([box(0, 0), box(40, 0)], ['exit', 'b52'], 'end_to_end', (3, 2, 2)),
    ([box(0, 0), box(40, 0)], ['exit', 'b52'], 'word_spotting', (2, 1, 1)),
    # The first one takes the word, though only the second was read rightly.
    ([box(0, 0), box(0, 0)], ['exlt', 'exit'], 'end_to_end', (3, 2, 0)),
    ([box(0, 0), box(0, 0)], ['exit', 'exit'], 'end_to_end', (3, 2, 1)),
    ([box(0, 0), box(0, 0)], [None, 'exit'], 'end_to_end', (3, 1, 1)),
])
def test_counts_by_hand(detections, readings, protocol, counts):
    found = rules.overlaps([box(0, 0), box(20, 0), box(40, 0), box(60, 0)], detections)
    care = np.array([True, True, True, False])
    words = ['Exit', 'Cafe', 'B52', '###']
    assert rules.count_hits(found, words, care, readings, protocol) == counts
    # A detection serves one word.
    found = rules.overlaps([box(0, 0), box(0, 0)], [box(0, 0)])
    assert rules.count_hits(found, ['a', 'a'], care[:2], ['a']) == rules.Counts(2, 1, 1)
