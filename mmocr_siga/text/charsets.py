"""Sets of characters by name, by file, or as written."""
from __future__ import annotations

import string
from collections.abc import Sequence

from .dictionary import read_characters, resolve_dict_file
from .files import nfc

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
        name: One of :data:`CHARSETS`; a file with one character a line; a dictionary that
            ships with the package, by its file name or '36', '62', '94' or '95'; or the characters.
    """
    if name in CHARSETS:
        return CHARSETS[name]
    try:
        path = None if len(name) < 2 else resolve_dict_file(name)
    except FileNotFoundError:
        path = None
    characters: Sequence[str] = nfc(name) if path is None else read_characters(path)
    distinct = ''.join(dict.fromkeys(characters))
    if not distinct.strip():
        raise ValueError(f'the character set {name!r} is empty; choose one of '
                         f'{sorted(CHARSETS)}, a file, or write the characters')
    return distinct
