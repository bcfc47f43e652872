import re
from collections import Counter

import numpy as np
import pytest

from mmocr_siga.rendering.marks import FORMS, Punctuator
from mmocr_siga.rendering.words import WordSource
from mmocr_siga.text.charsets import find_charset

ASCII = find_charset('ascii94')


def punctuated(word='Melon', charset=ASCII, other='Fig', n=4000):
    put = Punctuator(charset)
    return Counter(put(word, lambda: other, np.random.default_rng([3, i])) for i in range(n))


def test_every_form_is_written_as_often_as_said():
    seen, n = punctuated(n=20000), 20000
    wanted = {'Melon.', 'Melon...', '"Melon"', "Melon's", 'Melon-Fig', 'Melon/Fig', 'M&F', 'M.F.',
              'M/F', 'www.Melon.com', 'Melon.com', '(Melon)', '(Melon', '@Melon', '#Melon',
              '.Melon', 'Melon&Fig', 'Melon."', 'Melon!!', "M'elon", "Mel'on", "Melo'n"}
    assert wanted <= set(seen)
    # Four of those come from the one form that cuts the word.
    assert len(seen) == len(FORMS) + 3
    # All letters are those of the two words, their first letters, or of a web address.
    assert {re.sub('[^A-Za-z]', '', text) for text in seen} == {
        'Melon', 'MelonFig', 'MF', 'Melons', 'Meloncom', 'wwwMeloncom'}
    for text, form in (('Melon.', 'w.'), ("Melon's", "w's"), ('"Melon"', '"w"')):
        assert seen[text] / n == pytest.approx(FORMS[form] / sum(FORMS.values()), abs=0.01)


def test_capitals_charsets_and_short_words():
    seen = set(punctuated('MELON'))
    assert "MELON'S" in seen and "MELON's" not in seen
    assert set(punctuated(charset='Melon.')) == {'Melon.', 'Melon...', '.Melon', 'Melon'}
    assert set(punctuated(charset='Melon')) == {'Melon'}
    assert set(punctuated('I', other='A')) >= {'I.', 'I&A', "I'"}


def test_a_source_punctuates_the_fraction_it_is_told():
    source = WordSource(ASCII, ['melon'], random_strings=0, punctuation=0.4)
    texts = [source.draw(np.random.default_rng([1, i])) for i in range(4000)]
    assert np.mean([not t.isalpha() for t in texts]) == pytest.approx(0.4, abs=0.03)
    assert not any(' ' in t for t in texts)
