"""Sums that are published with files: in a model card, or in a ``.sha256`` file."""
from __future__ import annotations

import functools
import hashlib
import json
import os
from pathlib import Path

__all__ = ['check_sum', 'sha256_of']

_LISTED = ('weights', 'graph')  # files that a card has the sum of


def check_sum(path: str | os.PathLike[str]) -> None:
    """Compare a file with the sum that was published with it, if one was.

    Raises:
        ValueError: If it has another sum, or the file that should tell it cannot be read.
    """
    path = Path(path)
    listed, card = path.with_name(f'{path.name}.sha256'), path.with_suffix('.json')
    expected, where = None, card.name
    try:
        if listed.is_file():
            where = listed.name
            expected = listed.read_text(encoding='utf-8').split()[0]
        elif card.is_file():
            about = json.loads(card.read_text(encoding='utf-8'))
            parts = [about.get(key) for key in _LISTED] if isinstance(about, dict) else []
            expected = next((part['sha256'] for part in parts if isinstance(part, dict)
                             and part.get('file') == path.name), None)
    except (ValueError, LookupError) as error:
        raise ValueError(f'{path.with_name(where)}, which should tell the sha256 of {path.name}, '
                         f'cannot be read: {error}') from error
    if expected is not None and expected != (found := sha256_of(path)):
        raise ValueError(f'{path} is damaged, or does not belong to {where}: its sha256 is '
                         f'{found[:12]}..., not {expected[:12]}...')


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Hexadecimal sha256 of a file."""
    total = hashlib.sha256()
    with open(path, 'rb') as file:
        for block in iter(functools.partial(file.read, 1 << 20), b''):
            total.update(block)
    return total.hexdigest()
