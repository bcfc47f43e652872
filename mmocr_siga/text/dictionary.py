"""A dictionary that finds the character lists shipped with the package."""
from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

from mmocr.models.common import Dictionary
from mmocr.registry import TASK_UTILS
from mmocr.utils import list_from_file

__all__ = [
    'DICT_FOLDER', 'SHORT_NAMES', 'WordDictionary', 'dictionary_characters',
    'natural_letter_case', 'resolve_dict_file'
]

DICT_FOLDER = Path(__file__).resolve().parent / 'dicts'
# By number of characters, as results tables call them.
SHORT_NAMES = {
    '36': 'lower_english_digits.txt',
    '62': 'english_digits.txt',
    '94': 'english_digits_symbols_94.txt',
}


def resolve_dict_file(dict_file: str) -> str:
    """Path of a character list: of a file, or else of one shipped with the package, by its name or
    short '36', '62' or '94'; a FileNotFoundError names the path tried and the lists shipped."""
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


def _check_characters(path: str) -> None:
    """Raise a ValueError that shows every line the base class cannot read."""
    lines = [line.strip('\r\n') for line in list_from_file(path)]
    if lines and lines[0].startswith('\ufeff'):
        raise ValueError(f'{path} starts with a byte order mark; save it as UTF-8 without one')
    long = [(i, line) for i, line in enumerate(lines, 1) if len(line) > 1]
    if long:
        number, line = long[0]
        raise ValueError(
            f'{path}, line {number}: expected one character, found {len(line)}: {line!r} '
            f'({len(long)} such lines). A blank after the character counts, and an accent may be '
            'a character of its own (normalize the file to NFC)')
    repeated = sorted(c for c, n in Counter(line for line in lines if line).items() if n > 1)
    if repeated:
        raise ValueError(f'{path} lists these characters more than once: {repeated}')
    if not any(lines):
        raise ValueError(f'{path} holds no character')


@TASK_UTILS.register_module()
class WordDictionary(Dictionary):
    """MMOCR's dictionary with packaged character lists and clear errors.

    Shipped are ``lower_english_digits.txt`` (36: 0-9, a-z; in MMOCR's order, so that checkpoints
    can be exchanged), ``english_digits.txt`` (62: 0-9, a-z, A-Z) and
    ``english_digits_symbols_94.txt`` (94: the same, then the 32 ASCII symbols in the order of
    their codes). Each begins with the one before, so that a model can be widened row by row.

    With ``with_end=True, with_unknown=True, unknown_token=None`` the end of sequence is the last
    class, there is no class for other characters, and :meth:`str2idx` leaves those out.

    Args:
        dict_file: Path of a text file with one character a line (blank lines are skipped, a line of
            one space is the space), or the name of a packaged one, short '36', '62' or '94'. A file
            at that path comes before a packaged one of the same name.
        options: Arguments of MMOCR's ``Dictionary``, which has tokens for the start, the end,
            padding and unknown characters; ``unknown_token=None`` leaves those out of the targets.
    """

    def __init__(self, dict_file: str, *args: Any, **options: Any) -> None:
        path = resolve_dict_file(dict_file)
        _check_characters(path)
        super().__init__(path, *args, **options)
