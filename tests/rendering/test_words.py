import re

import numpy as np
import pytest

from mmocr_siga.rendering import words
from mmocr_siga.rendering.words import WordSource, read_lexicon, resolve_charset


def draw(source, n=500, seed=0):
    return [source.draw(np.random.default_rng([seed, i])) for i in range(n)]


def test_named_character_sets():
    assert len(resolve_charset('lower36')) == 36
    assert len(resolve_charset('alnum62')) == 62
    assert len(set(resolve_charset('ascii94'))) == 94
    assert resolve_charset('abca') == 'abc'


def test_character_set_from_a_file(tmp_path):
    path = tmp_path / 'chars.txt'
    path.write_text('ä\nб\n\n字\n', encoding='utf-8')
    assert resolve_charset(str(path)) == 'äб字'
    path.write_text('ab\n', encoding='utf-8')
    with pytest.raises(ValueError, match="one character a line, found 'ab'"):
        resolve_charset(str(path))


def test_empty_character_set():
    with pytest.raises(ValueError, match='is empty'):
        resolve_charset(' ')


def test_lexicon_keeps_what_can_be_written(tmp_path):
    path = tmp_path / 'lexicon.txt'
    path.write_text("Cat\n\n dog \nco-op\nmice\nnaïve\n", encoding='utf-8')
    assert read_lexicon(path, 'abcdefghijklmnopqrstuvwxyz', max_length=3) == ['Cat', 'dog']


@pytest.mark.parametrize('content', ['', '\n\n', 'ΣΩ\n'])
def test_lexicon_without_a_usable_word(tmp_path, content):
    path = tmp_path / 'lexicon.txt'
    path.write_text(content, encoding='utf-8')
    with pytest.raises(ValueError, match='no usable word'):
        read_lexicon(path, 'abc')


def test_lexicon_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match='gone.txt'):
        read_lexicon(tmp_path / 'gone.txt', 'abc')


@pytest.mark.parametrize('charset', ['digits', 'lower36', 'ascii94', 'абвг', 'XYZ 7'])
@pytest.mark.parametrize('fraction', [0.0, 0.5, 1.0])
def test_labels_stay_within_the_character_set_and_length(charset, fraction):
    charset = resolve_charset(charset)
    for word in draw(WordSource(charset, random_strings=fraction, max_length=7)):
        assert 1 <= len(word) <= 7 and set(word) <= set(charset) and word.strip() == word


def test_labels_repeat_for_a_seed_and_differ_between_seeds():
    source = WordSource(resolve_charset('ascii94'))
    assert draw(source) == draw(source)
    assert draw(source) != draw(source, seed=1)


def test_words_come_from_the_lexicon_in_three_cases():
    source = WordSource(resolve_charset('alnum62'), ['melon', 'fig'], random_strings=0)
    assert set(draw(source)) == {'melon', 'Melon', 'MELON', 'fig', 'Fig', 'FIG'}


def test_short_words_are_preferred():
    count = [w.lower() for w in draw(WordSource(resolve_charset('alnum62'), ['melon', 'fig'],
                                                random_strings=0, short_bias=1.0), 4000)]
    # The shorter of two draws: the long word remains only when drawn twice.
    assert count.count('melon') / 4000 == pytest.approx(0.25, abs=0.03)


def test_fraction_of_random_strings():
    source = WordSource(resolve_charset('alnum62'), ['w' * 25], random_strings=0.3)
    share = np.mean([set(w.lower()) != {'w'} for w in draw(source, 4000)])
    assert share == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize('name', ['random_strings', 'punctuation', 'short_bias'])
@pytest.mark.parametrize('value', [-0.1, 1.1])
def test_bad_fractions_are_named(name, value):
    with pytest.raises(ValueError, match=f'{name} must be within'):
        WordSource('abc', **{name: value})


def test_empty_lexicon_and_bad_length():
    with pytest.raises(ValueError, match='lexicon is empty'):
        WordSource('abc', [])
    with pytest.raises(ValueError, match='max_length'):
        WordSource('abc', max_length=0)


def test_built_in_vocabulary():
    assert len(words.COMMON_WORDS) > 300
    assert all(w.isascii() and w.islower() and w.isalpha() for w in words.COMMON_WORDS)


def test_random_characters_are_equally_likely():
    source = words.RandomSource('ab \u5b57', 2, 4)
    texts = draw(source, 3000)
    assert {len(t) for t in texts} == {2, 3, 4}
    joined = ''.join(texts)
    assert set(joined) == set('ab\u5b57')
    assert joined.count('a') / len(joined) == pytest.approx(1 / 3, abs=0.02)
    with pytest.raises(ValueError, match='min_length'):
        words.RandomSource('ab', 3, 2)
    with pytest.raises(ValueError, match='nothing to write'):
        words.RandomSource(' ')


@pytest.mark.parametrize('charset', ['0123456789', 'ABC', 'abc', '\u5b57', '0A-/.', '01 '])
def test_serial_numbers_stay_within_the_character_set(charset):
    for text in draw(words.SerialSource(charset, 9)):
        assert 1 <= len(text) <= 9 and set(text) <= set(charset) and text.strip() == text


def test_bad_serial_sources():
    with pytest.raises(ValueError, match='max_length'):
        words.SerialSource('0', 0)
    with pytest.raises(ValueError, match='nothing to write'):
        words.SerialSource(' ')


@pytest.mark.parametrize('charset', ['0123456789', '0123456789ABC- ', 'xyz', '0123456789AB '])
def test_plates_stay_within_the_character_set(charset):
    for text in draw(words.PlateSource(charset, 8)):
        assert 1 <= len(text) <= 8 and set(text) <= set(charset) and text.strip(' -') == text


def test_plates_follow_their_patterns():
    source = words.PlateSource('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ ')
    known = {p.replace(' ', '') for p in source.patterns}
    shapes = [re.sub('[0-9]', '9', re.sub('[A-Z]', 'A', text.replace(' ', '')))
              for text in draw(source, 1000)]
    # A fifth keeps to none.
    assert 0.75 < np.mean([shape in known for shape in shapes]) < 0.95
    assert set(shapes) >= known


def test_bad_plate_sources():
    with pytest.raises(ValueError, match='max_length'):
        words.PlateSource('0', 0)
    with pytest.raises(ValueError, match='nothing to write'):
        words.PlateSource(' ')
