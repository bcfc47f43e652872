import random

import pytest

from mmocr_siga.text.lexicon import Lexicon, read_lexicon, weighted_distances


def by_recursion(reading, scores, word):
    """The weighted edit distance from its definition."""
    if not reading:
        return float(len(word))
    if not word:
        return sum(scores)
    return min(
        by_recursion(reading[:-1], scores[:-1], word) + scores[-1],
        by_recursion(reading, scores, word[:-1]) + 1,
        by_recursion(reading[:-1], scores[:-1], word[:-1]) +
        (scores[-1] if reading[-1] != word[-1] else 0))


def test_weighted_distances_from_their_definition():
    rng = random.Random(0)
    words = [''.join(rng.choices('ABC', k=rng.randrange(6))) for _ in range(42)]
    for reading in words[30:]:
        scores = [rng.random() for _ in reading]
        assert weighted_distances(reading, scores, words[:30]).tolist() == pytest.approx(
            [by_recursion(reading, scores, word) for word in words[:30]])


@pytest.mark.parametrize('options, reading, scores, picked', [
    ((['Hotel', 'Hostel', 'Hot'], ), 'hotei', None, 'HOTEL'),
    ((['Hotel', 'Hostel', 'Hot'], ), 'hostei', None, 'HOSTEL'),
    # One edit each: 'hote' is 1 of 4 from HOT, 1 of 5 from HOTEL.
    ((['Hot', 'Hotel'], ), 'hote', None, 'HOT'),
    ((['Hot', 'Hotel'], 'normalized'), 'hote', None, 'HOTEL'),
    # The last character is doubtful: to drop it is cheaper than to add one.
    ((['Hotel', 'Hot'], 'weighted'), 'hote', [1, 1, 1, .1], 'HOT'),
    ((['Hotel', 'Hot'], 'weighted'), 'hote', [1, 1, 1, 1], 'HOTEL'),
    ((['Hotel', 'Hot'], 'weighted'), 'hote', None, 'HOTEL'),
    # Equally close words keep their order.
    ((['cat', 'car'], ), 'cab', None, 'CAT'),
    ((['car', 'cat'], ), 'cab', None, 'CAR'),
    # The largest distance is always counted in edits.
    ((['Hotel'], 'plain', 1.5), 'hotei', None, 'HOTEL'),
    ((['Hotel'], 'plain', 1.5), 'motei', None, None),
    ((['Hotel'], 'normalized', 1.5), 'motei', None, None),
    ((['Hotel'], 'weighted', 1.5), 'motei', [.5] * 5, 'HOTEL'),
    ((['caf\u00e9', 'cafe'], ), 'cafe\u0301', None, 'CAF\u00c9'),
    (([], ), 'hotel', None, None),
    ((['Hotel'], ), '', None, 'HOTEL')])
def test_picks_by_hand(options, reading, scores, picked):
    assert Lexicon(*options).pick(reading, *([scores] if scores else [])) == picked


def test_unknown_distance():
    with pytest.raises(ValueError, match='plain.*normalized.*weighted.*hamming'):
        Lexicon(['a'], 'hamming')


def test_files(tmp_path):
    path = tmp_path / 'voc.txt'
    path.write_bytes('\ufeffHotel\r\nBAR bar\n\n'.encode())
    assert read_lexicon(path) == ['Hotel', 'BAR']
    path.write_text('cafe\u0301\n', encoding='utf-16')
    assert read_lexicon(path) == ['caf\u00e9']
    path.write_bytes(b'a\ncaf\xe9\n')
    with pytest.raises(ValueError, match='voc.txt, line 2: is not UTF-8'):
        read_lexicon(path)
    path.write_text('\n')
    with pytest.raises(ValueError, match='voc.txt holds no words'):
        read_lexicon(path)
    with pytest.raises(FileNotFoundError):
        read_lexicon(tmp_path / 'none.txt')
