import pytest

from mmocr_siga.text.charsets import find_charset


@pytest.mark.parametrize('name, expected', [
    ('lower36', '0123456789abcdefghijklmnopqrstuvwxyz'),
    ('lower_english_digits.txt', '0123456789abcdefghijklmnopqrstuvwxyz'),
    ('63', '63'), ('abca', 'abc'),
    # Longer than a file name may be.
    (many := ''.join(chr(0x4e00 + i) for i in range(3000)), many)])
def test_characters(name, expected):
    assert find_charset(name) == expected


@pytest.mark.parametrize('name, size', [('alnum62', 62), ('ascii94', 94), ('62', 62)])
def test_sizes(name, size):
    assert len(set(find_charset(name))) == len(find_charset(name)) == size


def test_a_file_has_one_character_a_line(tmp_path):
    path = tmp_path / 'chars.txt'
    path.write_bytes('ä\r\nб\n\n字\n'.encode())
    assert find_charset(str(path)) == 'äб字'
    path.write_text('ab\n', encoding='utf-8')
    with pytest.raises(ValueError, match="one character a line, found 'ab'"):
        find_charset(str(path))


def test_empty_character_set():
    with pytest.raises(ValueError, match='is empty'):
        find_charset(' ')
