import string

import pytest

from mmocr_siga.text.charsets import find_charset

LOWER = string.digits + string.ascii_lowercase
MANY = ''.join(chr(0x4e00 + i) for i in range(3000))  # longer than a file name may be


@pytest.mark.parametrize('name, expected', [
    ('lower36', LOWER), ('lower_english_digits.txt', LOWER), ('62', LOWER + LOWER[10:].upper()),
    ('alnum62', LOWER + LOWER[10:].upper()), ('63', '63'), ('abca', 'abc'), (MANY, MANY),
    ('ascii94', LOWER + LOWER[10:].upper() + string.punctuation)])
def test_characters(name, expected):
    assert find_charset(name) == expected


def test_a_file_has_one_character_a_line(tmp_path):
    path = tmp_path / 'chars.txt'
    path.write_bytes('ä\r\nб\n\n字\n'.encode())
    assert find_charset(str(path)) == 'äб字'
    path.write_text('ab\n', encoding='utf-8')
    with pytest.raises(ValueError, match="line 1: expected one character, found 2: 'ab'"):
        find_charset(str(path))
    with pytest.raises(ValueError, match='is empty'):
        find_charset(' ')
