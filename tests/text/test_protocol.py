import pytest

from mmocr_siga.text.protocol import normalized, one_minus_ned, same_under


@pytest.mark.parametrize('label, reading, right', [
    # protocol:          36     62     68     94
    ('Word', 'Word', (True, True, True, True)),
    ('Word', 'word', (True, False, True, False)),
    ("It's!", 'its', (True, False, False, False)),
    ("It's!", "it's!", (True, False, True, False)),
    ("It's!", 'Its', (True, True, False, False)),
    ("It's!", "It's!", (True, True, True, True)),
    ('New York', 'NewYork', (True, True, False, False)),
    ('word', 'ward', (False, False, False, False)),
    ('word', '', (False, False, False, False)),
    ('', '', (True, True, True, True)),
    ('--', '', (True, True, False, False)),
    ('caf\u00e9', 'caf', (True, True, False, False)),
    ('caf\u00e9', 'cafe\u0301', (True, True, True, True)),
    ('\ufb01', 'fi', (False, False, False, False)),
    # MMOCR keeps this symbol.
    ('a^', 'a', (False, False, False, False)),
    ('\u4e2d', '', (False, False, False, False)),
])
def test_by_hand(label, reading, right):
    assert tuple(same_under(label, reading, p) for p in ('36', '62', '68', '94')) == right


def test_one_minus_ned_by_hand():
    assert one_minus_ned('kitten', 'sitting') == pytest.approx(1 - 3 / 7)
    assert one_minus_ned('A-b', 'aB') == 1
    assert one_minus_ned('Ab', 'ab', '62') == pytest.approx(1 / 2)
    assert one_minus_ned('a-b', 'ab', '94') == pytest.approx(2 / 3)
    assert one_minus_ned('', '') == 1 and one_minus_ned('ab', '') == 0


def test_an_unknown_protocol_is_an_error():
    with pytest.raises(KeyError, match='37'):
        normalized('a', '37')
