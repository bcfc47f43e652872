import string

import pytest
from mmocr.models.common import Dictionary
from mmocr.registry import TASK_UTILS

from mmocr_siga.text import WordDictionary, natural_letter_case
from mmocr_siga.text.dictionary import (
    DICT_FOLDER,
    packaged_dictionaries,
    resolve_dict_file,
)

LOWER = string.digits + string.ascii_lowercase
MIXED = LOWER + string.ascii_uppercase
PRINTABLE = MIXED + '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'


@pytest.mark.parametrize('name, short, characters', [
    ('lower_english_digits.txt', '36', LOWER),
    ('english_digits.txt', '62', MIXED),
    ('english_digits_symbols_94.txt', '94', PRINTABLE),
])
def test_packaged_lists(name, short, characters):
    dictionary = WordDictionary(name)
    assert ''.join(dictionary.dict) == ''.join(WordDictionary(short).dict) == characters
    assert dictionary.str2idx(characters) == list(range(len(characters)))
    assert name in packaged_dictionaries() and len(packaged_dictionaries()) == 3


def test_94_is_all_of_printable_ascii_but_the_space():
    assert sorted(PRINTABLE) == [chr(code) for code in range(33, 127)]


def test_the_36_character_setting_has_37_classes_and_drops_the_rest():
    dictionary = TASK_UTILS.build(
        dict(
            type='WordDictionary',
            dict_file='lower_english_digits.txt',
            with_end=True,
            with_unknown=True,
            unknown_token=None))
    assert isinstance(dictionary, WordDictionary)
    assert dictionary.num_classes == 37
    assert dictionary.end_idx == 36
    assert dictionary.str2idx("a-B1' \u00e9") == [10, 1]
    assert dictionary.str2idx('-') == []
    assert dictionary.idx2str([10, 1, 36]) == 'a1<EOS>'


def test_tokens_sit_where_mmocr_puts_them(tmp_path):
    path = tmp_path / 'chars.txt'
    path.write_bytes(b'a\r\n\r\nb\r\n \r\n')
    tokens = dict(with_start=True, with_end=True, with_padding=True, with_unknown=True)
    ours, theirs = WordDictionary(str(path), **tokens), Dictionary(str(path), **tokens)
    assert ours.dict == theirs.dict == ['a', 'b', ' ', '<BOS>', '<EOS>', '<PAD>', '<UKN>']
    assert ours.str2idx('b ?') == theirs.str2idx('b ?') == [1, 2, 6]


def test_a_file_at_the_path_comes_before_a_packaged_one(tmp_path, monkeypatch):
    (tmp_path / 'english_digits.txt').write_text('x\n')
    monkeypatch.chdir(tmp_path)
    assert WordDictionary('english_digits.txt').dict == ['x']
    assert len(WordDictionary('lower_english_digits.txt').dict) == 36


@pytest.mark.parametrize('name', ['nowhere.txt', 'folder/english_digits.txt', ''])
def test_a_wrong_path_names_the_path_and_the_packaged_lists(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        WordDictionary(name)
    assert repr(name) in str(error.value)
    assert str(tmp_path / name) in str(error.value)
    for packaged in packaged_dictionaries():
        assert packaged in str(error.value)


@pytest.mark.parametrize('content, message', [
    ('a\nb \n', r"line 2: expected one character, found 2: 'b '"),
    ('a\ne\u0301\n', 'line 2: expected one character.*NFC'),
    ('a\nb\na\n', r"more than once: \['a'\]"),
    ('\ufeffa\nb\n', 'byte order mark'),
    ('\n\n', 'no character'),
    ('', 'no character'),
])
def test_unusable_lists_say_why(content, message, tmp_path):
    path = tmp_path / 'chars.txt'
    path.write_text(content, encoding='utf-8')
    with pytest.raises(ValueError, match=message) as error:
        WordDictionary(str(path))
    assert str(path) in str(error.value)


def test_paths_are_accepted_and_other_types_are_not():
    path = DICT_FOLDER / 'english_digits.txt'
    assert resolve_dict_file(path) == str(path)
    assert resolve_dict_file('english_digits.txt') == str(path)
    with pytest.raises(TypeError, match='dict_file'):
        WordDictionary(['a', 'b'])


def test_a_misspelt_argument_is_an_error():
    with pytest.raises(TypeError, match='with_eos'):
        WordDictionary('english_digits.txt', with_eos=True)


@pytest.mark.parametrize('characters, letter_case', [
    (LOWER, 'lower'), (MIXED, 'unchanged'), (PRINTABLE, 'unchanged'), ('0123ABC', 'upper'),
    ('0123456789', 'unchanged'), ('\u4e2da', 'lower'), ('\u4e2d', 'unchanged'),
    ('\u00e9', 'lower'),
])
def test_the_letter_case_that_a_dictionary_asks_for(characters, letter_case, tmp_path):
    path = tmp_path / 'chars.txt'
    path.write_text('\n'.join(characters), encoding='utf-8')
    # Special tokens are no letters.
    dictionary = WordDictionary(str(path), with_end=True, with_unknown=True, with_padding=True)
    assert natural_letter_case(dictionary) == letter_case
