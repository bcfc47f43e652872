import random

import pytest
from rapidfuzz.distance import Levenshtein

from mmocr_siga.text.character_errors import CharacterErrors, character_errors


@pytest.mark.parametrize('label, reading, expected', [
    ('abc', 'abc', (0, 0, 0, 0)), ('', '', (0, 0, 0, 0)),
    ('abc', 'ac', (1, 0, 0, 0)), ('abcabc', 'abc', (3, 0, 0, 0)), ('abc', '', (3, 0, 0, 0)),
    ('abc', 'abbc', (0, 1, 0, 0)), ('abc', 'abcabc', (0, 3, 0, 0)),
    ('xaby', 'xababy', (0, 2, 0, 0)), ('aab', 'aaab', (0, 1, 0, 0)),
    ('abc', 'abxc', (0, 0, 1, 0)), ('', 'ab', (0, 0, 2, 0)), ('abc', 'abcx', (0, 0, 1, 0)),
    ('abc', 'abd', (0, 0, 0, 1)), ('abcd', 'bcdd', (1, 1, 0, 0))])
def test_by_hand(label, reading, expected):
    assert character_errors(label, reading) == CharacterErrors(*expected)


def test_their_sum_is_the_edit_distance_and_lengths_agree():
    rng = random.Random(0)
    for _ in range(300):
        label, reading = (''.join(rng.choices('abc', k=rng.randrange(9))) for _ in range(2))
        errors = character_errors(label, reading)
        assert sum(errors) == Levenshtein.distance(label, reading)
        assert errors.doubled + errors.inserted - errors.dropped == len(reading) - len(label)
