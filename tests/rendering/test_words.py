import re

import numpy as np
import pytest

from mmocr_siga.rendering import words
from mmocr_siga.rendering.words import WordSource, read_lexicon
from mmocr_siga.text.charsets import find_charset


def draw(source, n=500, seed=0):
    return [source.draw(np.random.default_rng([seed, i])) for i in range(n)]


def test_lexicon_keeps_what_can_be_written(tmp_path):
    path = tmp_path / 'lexicon.txt'
    with pytest.raises(FileNotFoundError, match='lexicon.txt'):
        read_lexicon(path, 'abc')
    path.write_text("Cat\n\n dog \nco-op\nmice\nnaïve\n", encoding='utf-8')
    assert read_lexicon(path, 'abcdefghijklmnopqrstuvwxyz', max_length=3) == ['Cat', 'dog']
    for content in ('', '\n\n', 'ΣΩ\n'):
        path.write_text(content, encoding='utf-8')
        with pytest.raises(ValueError, match='no usable word'):
            read_lexicon(path, 'abc')


@pytest.mark.parametrize('charset', ['digits', 'lower36', 'ascii94', 'абвг', 'XYZ 7'])
@pytest.mark.parametrize('fraction', [0.0, 0.5, 1.0])
def test_labels_stay_within_the_character_set_and_length(charset, fraction):
    charset = find_charset(charset)
    for word in draw(WordSource(charset, random_strings=fraction, max_length=7)):
        assert 1 <= len(word) <= 7 and set(word) <= set(charset) and word.strip() == word


def test_words_come_from_the_lexicon_in_three_cases_and_short_ones_more_often():
    texts = draw(WordSource(find_charset('alnum62'), ['melon', 'fig'], random_strings=0,
                            punctuation=0), 4000)
    assert set(texts) == {'melon', 'Melon', 'MELON', 'fig', 'Fig', 'FIG'}
    # Four times of five the shorter of two draws: then the long word only when drawn twice.
    share = np.mean([text.lower() == 'melon' for text in texts])
    assert share == pytest.approx(0.2 * 0.5 + 0.8 * 0.25, abs=0.03)
    # The seed decides, and a fraction is of random strings.
    source = WordSource(find_charset('alnum62'), ['w' * 25], random_strings=0.3)
    texts = draw(source, 4000)
    assert draw(source) == texts[:500] != draw(source, seed=1)
    assert np.mean([set(w.lower()) != {'w'} for w in texts]) == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize('kind, charset, options, message', [
    *((WordSource, 'abc', {name: value}, f'{name} must be within')
      for name in ('random_strings', 'punctuation') for value in (-0.1, 1.1)),
    (WordSource, 'abc', dict(words=[]), 'lexicon is empty'),
    *((kind, *case) for case in (('0', dict(max_length=0), 'max_length'),
                                 (' ', {}, 'nothing to write'))
      for kind in (WordSource, words.RandomSource, words.SerialSource, words.PlateSource))])
def test_what_no_source_can_draw(kind, charset, options, message):
    with pytest.raises(ValueError, match=message):
        kind(charset, **options)


def test_random_characters_and_lengths_are_equally_likely():
    texts = draw(words.RandomSource('ab \u5b57', 4), 3000)
    lengths = np.bincount([len(t) for t in texts], minlength=5) / len(texts)
    assert lengths.tolist() == pytest.approx([0] + [0.25] * 4, abs=0.03)
    joined = ''.join(texts)
    assert set(joined) == set('ab\u5b57')
    assert joined.count('a') / len(joined) == pytest.approx(1 / 3, abs=0.02)


@pytest.mark.parametrize('kind, strip', [(words.SerialSource, None), (words.PlateSource, ' -')])
@pytest.mark.parametrize('charset', ['0123456789', 'ABC', 'abc', '\u5b57', '0A-/.', '01 ',
                                     '0123456789ABC- '])
def test_numbers_stay_within_the_character_set(kind, strip, charset):
    for text in draw(kind(charset, 8)):
        assert 1 <= len(text) <= 8 and set(text) <= set(charset) and text.strip(strip) == text


def ends_of(text):
    """How many braces are open after each character."""
    return np.cumsum([(c in '{(') - (c in '})') for c in text]).tolist()


def test_long_codes_repeat_themselves():
    texts = draw(words.CodeSource('ABCDEFGHIJ0123456789', 60, 30), 300)
    lengths = [len(text) for text in texts]
    assert (min(lengths), max(lengths)) == (30, 60) and 43 < np.mean(lengths) < 47
    assert {*''.join(texts)} == {*'ABCDEFGHIJ0123456789'}

    def repeated(texts):
        return np.mean([len(re.findall(r'(.{3,6})(?=.*\1)', text)) > 0 for text in texts])

    assert repeated(texts) > 0.9 > 0.2 > repeated(
        draw(words.RandomSource('ABCDEFGHIJ0123456789', 60, 30), 300))
    with pytest.raises(ValueError, match='min_length must be within'):
        words.CodeSource('AB', 10, 11)


def test_formulas_are_closed():
    texts = draw(words.FormulaSource(find_charset('ascii94'), 60, 30), 300)
    for text in texts:
        assert 30 <= len(text) <= 60
        open_at = ends_of(text)
        assert min(open_at) >= 0 and open_at[-1] == 0
    joined = ' '.join(texts)
    names = '\\frac{', '\\sqrt{', '\\sum_{i=1}', '^{', '_{'
    assert all(joined.count(name) > 20 for name in names)
    with pytest.raises(ValueError, match='formulas are written with'):
        words.FormulaSource('abc')


def test_plates_follow_their_patterns():
    source = words.PlateSource('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ ')
    known = {p.replace(' ', '') for p in source.patterns}
    shapes = [re.sub('[0-9]', '9', re.sub('[A-Z]', 'A', text.replace(' ', '')))
              for text in draw(source, 1000)]
    # A fifth keeps to none.
    assert 0.75 < np.mean([shape in known for shape in shapes]) < 0.95
    assert set(shapes) >= known
