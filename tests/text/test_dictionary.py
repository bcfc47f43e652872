import string

import pytest
from mmocr.models.common import Dictionary

from mmocr_siga.text import WordDictionary, dictionary_characters, natural_letter_case
from mmocr_siga.text.charsets import find_charset
from mmocr_siga.text.dictionary import DICT_FOLDER
from tests.helpers.words import DICTIONARY

LOWER = string.digits + string.ascii_lowercase
MIXED = LOWER + string.ascii_uppercase
PRINTABLE = MIXED + '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'
TOKENS = dict(with_start=True, with_end=True, with_padding=True, with_unknown=True)


@pytest.fixture
def listed(tmp_path):
    """Writes a list of characters."""
    def write(content):
        (tmp_path / 'chars.txt').write_bytes(content.encode())
        return str(tmp_path / 'chars.txt')
    return write


@pytest.mark.parametrize('name, short, characters', [
    ('lower_english_digits.txt', '36', LOWER),
    ('english_digits.txt', '62', MIXED),
    ('english_digits_symbols_94.txt', '94', PRINTABLE),
    ('english_digits_symbols_95.txt', '95', PRINTABLE + ' ')])
def test_packaged_lists(name, short, characters):
    dictionary = WordDictionary(name)
    by_path = WordDictionary(DICT_FOLDER / name)
    assert dictionary.dict == WordDictionary(short).dict == by_path.dict == list(characters)
    assert dictionary.str2idx(characters) == list(range(len(characters)))
    assert len(list(DICT_FOLDER.glob('*.txt'))) == 4


def test_the_36_character_setting_has_37_classes_and_drops_the_rest():
    dictionary = WordDictionary(**{k: v for k, v in DICTIONARY.items() if k != 'type'})
    assert dictionary.num_classes == 37 and dictionary.end_idx == 36
    assert dictionary.str2idx("a-B1' \u00e9") == [10, 1] and dictionary.str2idx('-') == []
    assert dictionary.idx2str([10, 1, 36]) == 'a1<EOS>'


def test_tokens_sit_where_mmocr_puts_them(listed):
    path = listed('a\r\n\r\nb\r\n \r\n')
    ours, theirs = WordDictionary(path, **TOKENS), Dictionary(path, **TOKENS)
    assert ours.dict == theirs.dict == ['a', 'b', ' ', '<BOS>', '<EOS>', '<PAD>', '<UKN>']
    assert ours.str2idx('b ?') == theirs.str2idx('b ?') == [1, 2, 6]
    assert dictionary_characters(ours) == set('ab ')
    assert dictionary_characters(WordDictionary(path, with_end=True, end_token='#')) == set('ab ')


def test_a_file_at_the_path_comes_before_a_packaged_one(tmp_path, monkeypatch):
    (tmp_path / 'english_digits.txt').write_text('x\n')
    monkeypatch.chdir(tmp_path)
    assert WordDictionary('english_digits.txt').dict == ['x']


@pytest.mark.parametrize('name', ['nowhere.txt', 'folder/english_digits.txt', ''])
def test_a_wrong_path_names_the_path_and_the_packaged_lists(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError) as error:
        WordDictionary(name)
    shipped = (path.name for path in DICT_FOLDER.glob('*.txt'))
    for named in (repr(name), str(tmp_path / name), *shipped):
        assert named in str(error.value)


@pytest.mark.parametrize('content, message', [
    ('a\nb \n', r"line 2: expected one character, found 2: 'b '"),
    ('a\nx\u0301\n', 'line 2: expected one character, found 2'),
    ('a\nb\na\n', r"more than once: \['a'\]"),
    ('\n\n', 'no character'),
    ('', 'no character')])
def test_unusable_lists_say_why(content, message, listed):
    with pytest.raises(ValueError, match=f'chars.txt.*{message}'):
        WordDictionary(listed(content))


def test_letters_with_accents_are_one_character(tmp_path):
    path = tmp_path / 'chars.txt'
    # Composed and decomposed; an accent by itself; no place in NFC; the same in NFC as another.
    path.write_text('a\ne\u0301\n\u1ec7\n\u0302\n\u0958\n\u2126\n\u03a9\n', encoding='utf-16')
    dictionary = WordDictionary(str(path))
    assert dictionary.dict == list('a\u00e9\u1ec7\u0302\u0958\u2126\u03a9')
    assert dictionary.str2idx('ae\u0301\u00e9e\u0323\u0302\u03a9') == [0, 1, 1, 2, 6]
    # In no other form all of the characters are known.
    assert dictionary.str2idx('\u0958a') == [4, 0] and dictionary.str2idx('a\u0302') == [0, 3]


@pytest.mark.parametrize('content, told', [
    ('a\n\u4e2d\n'.encode('gbk'), r'chars.txt, line 2: is not UTF-8; save the file as UTF-8'),
    ('a\nb\n'.encode('utf-16-le'), 'chars.txt, line 1: holds NUL'),
    ('a\nb\n'.encode('utf-16')[:-1], 'chars.txt, line 2: is not UTF-16')])
def test_files_that_are_no_text(tmp_path, content, told):
    (tmp_path / 'chars.txt').write_bytes(content)
    for read in (WordDictionary, find_charset):
        with pytest.raises(ValueError, match=told):
            read(str(tmp_path / 'chars.txt'))


@pytest.mark.parametrize('file, options, named', [
    (['a', 'b'], {}, 'dict_file'), ('english_digits.txt', dict(with_eos=True), 'with_eos')])
def test_wrong_types_and_misspelt_arguments(file, options, named):
    with pytest.raises(TypeError, match=named):
        WordDictionary(file, **options)


@pytest.mark.parametrize('characters, letter_case', [
    (LOWER, 'lower'), (MIXED, 'unchanged'), (PRINTABLE, 'unchanged'), ('0123ABC', 'upper'),
    ('0123456789', 'unchanged'), ('\u4e2da', 'lower'), ('\u4e2d', 'unchanged'),
    ('\u00e9', 'lower')])
def test_the_letter_case_that_a_dictionary_asks_for(characters, letter_case, listed):
    # Special tokens are no letters.
    dictionary = WordDictionary(listed('\n'.join(characters)), **TOKENS)
    assert natural_letter_case(dictionary) == letter_case
