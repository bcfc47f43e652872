"""Punctuation around and inside words, in the forms that signs, labels and headlines have."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Form -> how often, after the labels of real scene words. `w` is the word, `o` another one, `s` an
# s in the word's case, `1` and `2` their first letters, `<` and `>` the word's two parts.
FORMS: dict[str, float] = {
    'w.': 20, 'w,': 12, 'w!': 8, 'w?': 4, 'w:': 6, 'w;': 1, 'w...': 4, 'w!!': 2,
    '"w"': 5, '"w': 3, 'w"': 3, 'w."': 1, 'w,"': 1, "'w'": 2, "'w": 3, "w'": 1,
    '(w)': 4, '(w': 2, 'w)': 2, '[w]': 0.5, "w's": 8, "<'>": 5,
    'w-o': 5, 'w/o': 3, 'w&o': 2, '-w': 2, 'w-': 2, '1&2': 3, '1.2.': 4, '1.2': 2, '1/2': 1,
    '&w': 1, '@w': 1.5, '#w': 1, '.w': 1, 'w*': 1, '*w': 0.5, 'w+': 1, 'w%': 0.5, '~w': 0.3,
    'w.com': 2, 'www.w.com': 1, 'w_o': 0.5, 'w@o': 0.5, 'w.o': 2, 'w:o': 0.5,
}


class Punctuator:
    """Puts marks to words; forms with a mark outside ``charset`` are left out."""

    def __init__(self, charset: str) -> None:
        allowed = set(charset)
        marks = {form: {c for c in form if not c.isalnum() and c not in '<>'} for form in FORMS}
        self.forms = [form for form in FORMS if marks[form] <= allowed]
        weights = np.array([FORMS[form] for form in self.forms], np.float64)
        self._bounds = np.cumsum(weights) / max(weights.sum(), 1)
        self._allowed = allowed

    def __call__(self, word: str, other: Callable[[], str], rng: np.random.Generator) -> str:
        """The word in one of the forms, or as it was; ``other`` draws a second word for a form."""
        if not self.forms:
            return word
        form = self.forms[int(np.searchsorted(self._bounds, rng.random(), side='right'))]
        cut = int(rng.integers(1, len(word))) if len(word) > 1 else 1
        second = other() if 'o' in form.replace('com', '') or '2' in form else ''
        parts = {'w': word, 'o': second, '1': word[:1], '2': second[:1], '<': word[:cut],
                 '>': word[cut:], 's': 'S' if word.isupper() else 's'}
        fixed = {'w.com': f'{word}.com', 'www.w.com': f'www.{word}.com'}
        text = fixed.get(form) or ''.join(parts.get(c, c) for c in form)
        return text if set(text) <= self._allowed else word
