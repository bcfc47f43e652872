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


def some_words(rng, count):
    return [''.join(rng.choices('ABC', k=rng.randrange(6))) for _ in range(count)]


def test_weighted_distances_from_their_definition():
    rng = random.Random(0)
    words = some_words(rng, 30)
    for reading in some_words(rng, 12):
        scores = [rng.random() for _ in reading]
        assert weighted_distances(reading, scores, words).tolist() == pytest.approx(
            [by_recursion(reading, scores, word) for word in words])


def test_a_wrong_number_of_scores():
    with pytest.raises(ValueError, match="2 scores for the 3 characters of 'abc'"):
        weighted_distances('abc', [1, 1], ['abc'])


def test_picks_by_hand():
    words = ['Hotel', 'Hostel', 'Hot']
    assert Lexicon(words).pick('hotei') == 'HOTEL'
    assert Lexicon(words).pick('hostei') == 'HOSTEL'
    # One edit each from HOT and HOTEL's beginning: 'hote' is 1 of 4 from HOT, 1 of 5 from HOTEL.
    assert Lexicon(['Hot', 'Hotel']).pick('hote') == 'HOT'
    assert Lexicon(['Hot', 'Hotel'], 'normalized').pick('hote') == 'HOTEL'
    # The last character is doubtful: to drop it is cheaper than to add one.
    assert Lexicon(['Hotel', 'Hot'], 'weighted').pick('hote', [1, 1, 1, .1]) == 'HOT'
    assert Lexicon(['Hotel', 'Hot'], 'weighted').pick('hote', [1, 1, 1, 1]) == 'HOTEL'
    assert Lexicon(['Hotel', 'Hot'], 'weighted').pick('hote') == 'HOTEL'


def test_equally_close_words_keep_their_order():
    assert Lexicon(['cat', 'car']).pick('cab') == 'CAT'
    assert Lexicon(['car', 'cat']).pick('cab') == 'CAR'


def test_too_far():
    assert Lexicon(['Hotel'], max_distance=1.5).pick('hotei') == 'HOTEL'
    assert Lexicon(['Hotel'], max_distance=1.5).pick('motei') is None
    # Always counted in edits.
    assert Lexicon(['Hotel'], 'normalized', 1.5).pick('motei') is None
    assert Lexicon(['Hotel'], 'weighted', 1.5).pick('motei', [.5] * 5) == 'HOTEL'
    assert Lexicon([]).pick('hotel') is None
    assert Lexicon(['Hotel']).pick('') == 'HOTEL'


def test_unknown_distance():
    with pytest.raises(ValueError, match='plain.*normalized.*weighted.*hamming'):
        Lexicon(['a'], 'hamming')


def test_files(tmp_path):
    path = tmp_path / 'voc.txt'
    path.write_bytes('\ufeffHotel\r\nBAR bar\n\n'.encode())
    assert read_lexicon(path) == ['Hotel', 'BAR']
    (tmp_path / 'empty.txt').write_text('\n')
    with pytest.raises(ValueError, match='empty.txt holds no words'):
        read_lexicon(tmp_path / 'empty.txt')
    with pytest.raises(FileNotFoundError):
        read_lexicon(tmp_path / 'none.txt')
