"""Where the words come from: lexicons, random strings and a small built-in vocabulary."""
from __future__ import annotations

import os
import string
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..text.files import nfc, strict_lines
from .marks import Punctuator

COMMON_WORDS = tuple(Path(__file__).with_name('common_words.txt').read_text('utf-8').split())

_ONSETS = 'b c d f g h j k l m n p r s t v w z br ch cl cr dr fl fr gr pl pr sh st th tr'.split()
_VOWELS = 'a e i o u a e i o ai ea ee oo ou'.split()
_CODAS = ['', '', '', 'n', 'r', 's', 't', 'l', 'm', 'd', 'ck', 'nd', 'ng', 'st', 'x']


def read_lexicon(path: os.PathLike, charset: str, max_length: int = 25) -> list[str]:
    """Words of a file, one a line, that can be written with ``charset``, if in another case;
    a ValueError if there is none."""
    lines = [nfc(line.strip('\ufeff \t')) for _, line in strict_lines(path)]
    allowed = set(charset)
    words = [w for w in lines if 0 < len(w) <= max_length and _fit_case(w, allowed) is not None]
    if not words:
        raise ValueError(f'lexicon {os.fspath(path)!r} has no usable word: {sum(map(bool, lines))} '
                         f'lines, none within {max_length} characters of the character set '
                         f'{charset[:40]!r}')
    return words


def _fit_case(word: str, allowed: set) -> str | None:
    for variant in (word, word.lower(), word.upper()):
        if set(variant) <= allowed:
            return variant
    return None


def _pick(rng: np.random.Generator, pool: Sequence[str]) -> str:
    return pool[int(rng.integers(len(pool)))]


def _string(rng: np.random.Generator, pool: Sequence[str], length: int) -> str:
    return ''.join(pool[int(k)] for k in rng.integers(0, len(pool), length))


def pronounceable(rng: np.random.Generator) -> str:
    parts = []
    for _ in range(int(rng.choice(4, p=[0.2, 0.4, 0.3, 0.1])) + 1):
        parts += [str(rng.choice(_ONSETS)), str(rng.choice(_VOWELS))]
    return ''.join(parts) + str(rng.choice(_CODAS))


def number_like(rng: np.random.Generator) -> str:
    """Make up what signs, labels and plates carry: prices, dates, times, codes, phone numbers."""
    def digits(low: int, high: int) -> str:
        return _string(rng, string.digits, int(rng.integers(low, high + 1)))

    def capitals(low: int, high: int) -> str:
        return _string(rng, string.ascii_uppercase, int(rng.integers(low, high + 1)))

    def one(*choices: str) -> str:
        return str(rng.choice(choices))

    forms = (
        lambda: digits(1, 4),
        lambda: digits(1, 4),
        lambda: one('$', '', '', '£', '€') + digits(1, 3) + '.' + digits(2, 2),
        lambda: f'{int(rng.integers(24))}:{int(rng.integers(60)):02d}',
        lambda: f'{int(rng.integers(1900, 2031))}',
        lambda: capitals(1, 3) + one('', '-', '') + digits(2, 5),
        lambda: digits(3, 4) + '-' + digits(3, 4),
        lambda: digits(1, 3) + one('%', 'm', 'km', 'TH', 'G', 'L', '+', 'A'),
        lambda: one('$', '$', '#', 'NO.', '') + f'{int(rng.integers(1, 100000)):,}',
        lambda: '#' + digits(2, 2) + '-' + digits(2, 3),
        lambda: digits(1, 3) + capitals(1, 3) + digits(2, 4))
    return forms[int(rng.integers(11))]()


class TextSource:
    """Draws labels of ``min_length`` to ``max_length`` characters of ``charset``."""

    def __init__(self, charset: str, max_length: int = 25, min_length: int = 1) -> None:
        if max_length < 1:
            raise ValueError(f'max_length must be at least 1, got {max_length}')
        if not 1 <= min_length <= max_length:
            raise ValueError(f'min_length must be within [1, max_length], got {min_length} and '
                             f'{max_length}')
        self.charset, self.max_length, self.min_length = charset, max_length, min_length
        self._solid = [c for c in charset if not c.isspace()]
        if not self._solid:
            raise ValueError(f'the character set {charset!r} has nothing to write')
        self._digits = [c for c in self._solid if c.isdigit()] or self._solid

    def _length(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.min_length, self.max_length, endpoint=True))

    def draw(self, rng: np.random.Generator) -> str:
        raise NotImplementedError


class WordSource(TextSource):
    """Draws words in a random case, and random strings.

    Without ``words`` it takes :data:`COMMON_WORDS` and pronounceable ones where the character set
    has Latin letters. ``punctuation`` is the probability that a word gets marks, as
    :class:`.marks.Punctuator` puts them; 0.1 is that of real scene words.
    """

    def __init__(self, charset: str, words: Sequence[str] | None = None,
                 random_strings: float = 0.25, punctuation: float = 0.1,
                 max_length: int = 25) -> None:
        super().__init__(charset, max_length)
        for name, value in (('random_strings', random_strings), ('punctuation', punctuation)):
            if not 0 <= value <= 1:
                raise ValueError(f'{name} must be within [0, 1], got {value}')
        if words is not None and len(words) == 0:
            raise ValueError('the lexicon is empty; give at least one word')
        self.random_strings, self.punctuation = random_strings, punctuation
        self._allowed = set(charset)
        self._alnum = [c for c in self._solid if c.isalnum()] or self._solid
        self._capitals = [c for c in self._alnum if c.isdigit() or c.isupper()] or self._alnum
        self._punctuate = Punctuator(charset)
        self._words = list(words) if words is not None else None
        if self._words is None:
            self._common = [w for w in COMMON_WORDS if _fit_case(w, self._allowed) is not None]
            if not self._common:
                self.random_strings = 1.0

    def _plain(self, rng: np.random.Generator) -> str | None:
        if self._words is not None:
            word = _pick(rng, self._words)
            if rng.random() < 0.8:  # signs have short words
                word = min(word, _pick(rng, self._words), key=len)
        elif rng.random() < 0.5:
            word = _pick(rng, self._common)
        else:
            word = pronounceable(rng)
        kind = rng.random()
        if kind < 0.5:
            word = word.upper()
        elif kind < 0.75:
            word = word[:1].upper() + word[1:]
        return _fit_case(word, self._allowed)

    def _lexical(self, rng: np.random.Generator) -> str | None:
        word = self._plain(rng)
        if word is not None and rng.random() < self.punctuation:
            word = self._punctuate(word, lambda: self._plain(rng) or word, rng)
        return word

    def _random(self, rng: np.random.Generator) -> str:
        if rng.random() < 0.5:
            word = _fit_case(number_like(rng), self._allowed)
            if word is not None:
                return word
        # Mixed case is rare on signs and plates; capitals with digits are what serials look like.
        kind = rng.random()
        pool = self._capitals if kind < 0.5 else self._alnum if kind < 0.9 else self._solid
        length = 1 + int(rng.binomial(12, rng.uniform(0.15, 0.7)))
        return _string(rng, pool, length)

    def draw(self, rng: np.random.Generator) -> str:
        word = None
        if rng.random() >= self.random_strings:
            words = (self._lexical(rng) for _ in range(10))
            word = next((word for word in words if word is not None), None)
        return (self._random(rng) if word is None else word)[:self.max_length]


class RandomSource(TextSource):
    """Draws random characters, which no language model can guess (after ArbitText of SIGA), all of
    them and all lengths equally likely."""

    def draw(self, rng: np.random.Generator) -> str:
        return _string(rng, self._solid, self._length(rng))


class CodeSource(TextSource):
    """Draws codes that repeat themselves, all lengths equally likely: groups of characters that
    come back, as they are or with one changed, and runs of one character. Who forgets what was
    read already drops or doubles them."""

    def draw(self, rng: np.random.Generator) -> str:
        length, text, groups = self._length(rng), '', []
        while len(text) < length:
            group = _string(rng, self._solid, int(rng.integers(2, 7)))
            kind = rng.random()
            if kind < 0.2:
                group = group[0] * len(group)
            elif kind < 0.7 and groups:
                group = _pick(rng, groups)
                if kind > 0.5:
                    k = int(rng.integers(len(group)))
                    group = group[:k] + _pick(rng, self._solid) + group[k + 1:]
            groups.append(group)
            text += group
        return text[:length]


class FormulaSource(TextSource):
    """Draws the source of made-up formulas, as LaTeX writes them: fractions, roots, powers, indices
    and sums in braces within braces, all closed."""

    _names = ('alpha', 'beta', 'theta', 'lambda', 'pi', 'sin', 'cos', 'log')
    _operators = '+-=<'
    _needed = '\\{}^_()' + _operators

    def __init__(self, charset: str, max_length: int = 100, min_length: int = 1) -> None:
        super().__init__(charset, max_length, min_length)
        missing = sorted({*self._needed, *''.join(self._names), *'fracsqrtsumn1i'} - {*charset})
        if missing:
            raise ValueError(f'formulas are written with {"".join(missing)!r}, too, which the '
                             'character set lacks')

    def _symbol(self, rng: np.random.Generator) -> str:
        pool = 'abcnxyz' if rng.random() < 0.6 else self._digits
        return _pick(rng, pool)

    def _term(self, rng: np.random.Generator, depth: int) -> str:
        def inner() -> str:
            if depth and rng.random() < 0.5:
                return self._term(rng, depth - 1) + _pick(rng, '+-') + self._symbol(rng)
            return self._symbol(rng)

        forms = (
            lambda: self._symbol(rng),
            lambda: self._symbol(rng) + self._symbol(rng),
            lambda: f'\\{_pick(rng, self._names)}{{{inner()}}}',
            lambda: f'{self._symbol(rng)}^{{{inner()}}}',
            lambda: f'{self._symbol(rng)}_{{{inner()}}}',
            lambda: f'({inner()})',
            lambda: f'\\frac{{{inner()}}}{{{inner()}}}',
            lambda: f'\\sqrt{{{inner()}}}',
            lambda: f'\\sum_{{i=1}}^{{n}}{inner()}')
        return forms[int(rng.integers(len(forms)))]()

    def draw(self, rng: np.random.Generator) -> str:
        length = self._length(rng)
        text = self._symbol(rng)
        while len(text) < length:
            more = _pick(rng, self._operators) + self._term(rng, 2)
            if len(text) + len(more) > self.max_length:
                more = self._symbol(rng)  # as in a product
            text += more
        return text


class SerialSource(TextSource):
    """Draws serial numbers, part numbers, lots and dates: digits and capitals in groups."""

    _prefixes = ('SN', 'S/N', 'SN:', 'P/N', 'PN', 'NO.', 'LOT', 'ID', 'TYPE', 'REV', 'MOD')

    def __init__(self, charset: str, max_length: int = 25) -> None:
        super().__init__(charset, max_length)
        self._letters = [c for c in self._solid if c.isupper()] or [
            c for c in self._solid if c.isalpha()] or self._digits
        self._separators = [c for c in '---/.' if c in charset]
        self._heads = [p for p in self._prefixes if set(p) <= set(charset)]

    def _group(self, rng: np.random.Generator) -> str:
        kind, length = rng.random(), int(rng.integers(1, 8))
        if kind < 0.55:
            return _string(rng, self._digits, length)
        if kind < 0.75:
            return _string(rng, self._letters, min(length, 4))
        return _string(rng, self._digits * 2 + self._letters, length)

    def draw(self, rng: np.random.Generator) -> str:
        number = 1 + int(rng.choice(4, p=[0.4, 0.35, 0.17, 0.08]))
        groups = [self._group(rng) for _ in range(number)]
        joint = ''
        if self._separators and rng.random() < 0.5:
            joint = _pick(rng, self._separators)
        text = joint.join(groups)
        if self._heads and rng.random() < 0.08:
            text = _pick(rng, self._heads) + text
        text = text[:self.max_length]
        return text.rstrip(joint) or text if joint else text


class PlateSource(TextSource):
    """Draws numbers of licence plates: capitals (A) and digits (9) in patterns of many countries
    and states."""

    patterns = ('9AAA999', 'AAA 999', 'AAA 9999', 'AA9 A999', 'A99 9999', '999 AAA', '999 9999',
                '99A 9AA', 'AAA99A', 'AA 99 AA', 'AA 9999', '9999 AA', 'A 99999', '99999',
                '999AAA', 'AA99 AAA', 'AAA9A99', 'AAAAA 9', '99A 99A', '9999999', 'AAAA99',
                'AAA999', '999 A99', 'AA AA 999', '9A9 A9A')

    def __init__(self, charset: str, max_length: int = 12) -> None:
        super().__init__(charset, max_length)
        self._letters = [c for c in self._solid if c.isupper()] or self._digits
        self._joints = [c for c in ('', ' ', ' ', '-') if set(c) <= set(charset)]

    def draw(self, rng: np.random.Generator) -> str:
        pattern, joint = _pick(rng, self.patterns), _pick(rng, self._joints)
        pools = {'A': self._letters, '9': self._digits}
        # Vanity numbers and other countries keep to no pattern.
        if rng.random() < 0.2:
            pools = dict.fromkeys('A9', self._digits + self._letters)
        text = ''.join(_pick(rng, pools[mark]) if mark in pools else joint for mark in pattern)
        return text[:self.max_length].rstrip(' -')
