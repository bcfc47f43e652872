"""Sets of characters by name, by file, or as written."""
from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path

from .dictionary import resolve_dict_file

__all__ = ['CHARSETS', 'find_charset']

CHARSETS = {
    'digits': string.digits,
    'lower36': string.digits + string.ascii_lowercase,
    'alnum62': string.digits + string.ascii_letters,
    'ascii94': string.digits + string.ascii_letters + string.punctuation,
}


def find_charset(name: str) -> str:
    """Distinct characters, in order, of a dictionary, a named set or a string.

    Args:
        name: One of :data:`CHARSETS`; a UTF-8 file with one character a line; a dictionary that
            ships with the package, by its file name or '36', '62' or '94'; or the characters.
    """
    if name in CHARSETS:
        return CHARSETS[name]
    characters: Sequence[str] = name
    try:
        path = None if len(name) < 2 else Path(resolve_dict_file(name))
    except FileNotFoundError:
        path = None
    if path is not None:
        lines = path.read_text(encoding='utf-8').split('\n')
        characters = [line.rstrip('\r') for line in lines if line.rstrip('\r')]
        wrong = [line for line in characters if len(line) != 1]
        if wrong:
            raise ValueError(f'{name}: expected one character a line, found {wrong[0]!r}')
    distinct = ''.join(dict.fromkeys(characters))
    if not distinct.strip():
        raise ValueError(f'the character set {name!r} is empty; choose one of '
                         f'{sorted(CHARSETS)}, a file, or write the characters')
    return distinct
