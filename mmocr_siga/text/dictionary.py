"""A dictionary that finds the character lists shipped with the package."""
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Set
from pathlib import Path
from typing import Any
from unicodedata import combining, normalize

from mmocr.models.common import Dictionary
from mmocr.registry import TASK_UTILS

from .files import nfc, strict_lines

__all__ = [
    'DICT_FOLDER', 'SHORT_NAMES', 'WordDictionary', 'dictionary_characters', 'known_form',
    'natural_letter_case', 'read_characters', 'resolve_dict_file'
]

DICT_FOLDER = Path(__file__).resolve().parent / 'dicts'
# By number of characters, as results tables call them.
SHORT_NAMES = {
    '36': 'lower_english_digits.txt',
    '62': 'english_digits.txt',
    '94': 'english_digits_symbols_94.txt',
    '95': 'english_digits_symbols_95.txt',
}


def resolve_dict_file(dict_file: str) -> str:
    """Path of a character list: of a file, or else of one shipped with the package, by its name or
    short as in ``SHORT_NAMES``; a FileNotFoundError names the path tried and the lists shipped."""
    if not isinstance(dict_file, (str, Path)):
        raise TypeError(f'dict_file must be a string, but is {type(dict_file).__name__}')
    path = Path(dict_file)
    if os.path.isfile(dict_file):  # pathlib fails where a name is too long for a file
        return str(path)
    packaged = DICT_FOLDER / SHORT_NAMES.get(path.name, path.name)
    # Only a bare name: 'my/lower_english_digits.txt' means the user's own file.
    if path.parent == Path('.') and os.path.isfile(packaged):
        return str(packaged)
    shipped = sorted(path.name for path in DICT_FOLDER.glob('*.txt'))
    raise FileNotFoundError(
        f'no dictionary at {str(dict_file)!r} (tried {path.absolute()}); dict_file is the path of '
        'a text file with one character a line, or one of the names shipped with mmocr_siga: '
        f'{", ".join(shipped)} (short: {", ".join(SHORT_NAMES)})')


def dictionary_characters(dictionary: Dictionary) -> frozenset[str]:
    """Characters of a dictionary, without its special tokens."""
    special = {
        dictionary.start_idx, dictionary.end_idx, dictionary.padding_idx, dictionary.unknown_idx
    }
    return frozenset(c for i, c in enumerate(dictionary.dict) if i not in special)


def natural_letter_case(dictionary: Dictionary) -> str:
    """The letter case that labels must be brought into for a dictionary to know their letters:
    'lower' or 'upper' where it has letters of that case only, else 'unchanged'."""
    characters = dictionary_characters(dictionary)
    lower, upper = (any(c != fold(c) for c in characters) for fold in (str.upper, str.lower))
    if lower == upper:
        return 'unchanged'
    return 'lower' if lower else 'upper'


def known_form(text: str, characters: Set[str]) -> str:
    """A text in NFC; as it is or decomposed, if all of its characters are known only so.

    A few characters have no place in NFC, and some dictionaries list accents by themselves.
    """
    if text.isascii():
        return text
    composed = nfc(text)
    return next((form for form in (composed, text, normalize('NFD', text))
                 if characters >= set(form)), composed)


def without_accents(text: str, characters: Set[str]) -> str:
    """A text whose unknown letters have lost their accents, if they are known without."""
    def plain(character: str) -> str:
        letters = ''.join(c for c in normalize('NFD', character) if not combining(c))
        return letters if letters and characters >= set(letters) else character

    # In characters as they are read: an accent that stands alone goes with its letter.
    return ''.join(c if c in characters else plain(c) for c in normalize('NFC', text)
                   if c in characters or not combining(c))


def read_characters(path: str | os.PathLike) -> list[str]:
    """Characters of a list, one a line, in NFC where that is one character and not listed, too.

    A ValueError shows file and line where there are several, or there is none in the file.
    """
    lines = [(number, line.lstrip('\ufeff')) for number, line in strict_lines(path)]
    listed = {line for _, line in lines}
    characters, wrong = [], []
    for number, line in lines:
        composed = nfc(line)
        if len(composed) == 1 and composed not in listed:
            line = composed
        if len(line) > 1:
            wrong.append((number, line))
        elif line:
            characters.append(line)
    if wrong:
        number, line = wrong[0]
        raise ValueError(f'{path}, line {number}: expected one character, found {len(line)}: '
                         f'{line[:40]!r} ({len(wrong)} such lines). A blank after the character '
                         'counts')
    if not characters:
        raise ValueError(f'{path} holds no character')
    return characters


@TASK_UTILS.register_module(name=['WordDictionary', 'SIGADictionary'])  # the second: its first name
class WordDictionary(Dictionary):
    """MMOCR's dictionary with packaged character lists and clear errors.

    Shipped are ``lower_english_digits.txt`` (36: 0-9, a-z; in MMOCR's order, so that checkpoints
    can be exchanged), ``english_digits.txt`` (62: 0-9, a-z, A-Z),
    ``english_digits_symbols_94.txt`` (94: the same, then the 32 ASCII symbols in the order of
    their codes) and ``english_digits_symbols_95.txt`` (95: the same, then the space). Each begins
    with the one before, so that a model can be widened row by row.

    With ``with_end=True, with_unknown=True, unknown_token=None`` the end of sequence is the last
    class, there is no class for other characters, and :meth:`str2idx` leaves those out.

    Args:
        dict_file: Path of a text file with one character a line (blank lines are skipped, a line of
            one space is the space), or the name of a packaged one, short '36', '62', '94' or '95'.
            A file at that path comes before a packaged one of the same name.
        options: Arguments of MMOCR's ``Dictionary``, which has tokens for the start, the end,
            padding and unknown characters; ``unknown_token=None`` leaves those out of the targets.
    """

    def __init__(self, dict_file: str, *args: Any, **options: Any) -> None:
        path = resolve_dict_file(dict_file)
        self._characters = read_characters(path)
        repeated = sorted(c for c, n in Counter(self._characters).items() if n > 1)
        if repeated:
            raise ValueError(f'{path} lists these characters more than once: {repeated}')
        # MMOCR's class reads UTF-8 alone: it gets an empty file, and then the characters.
        super().__init__(os.devnull, *args, **options)

    def _update_dict(self) -> None:
        self._dict = list(self._characters)
        super()._update_dict()

    def str2idx(self, string: str) -> list[int]:
        """Indices of a text, which is brought into the form the dictionary knows."""
        return super().str2idx(known_form(string, self._char2idx.keys()))
