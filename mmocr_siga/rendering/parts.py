"""Faces and words that are held out: what is drawn with the ones of training proves little."""
from __future__ import annotations

import re
from pathlib import Path
from zlib import crc32

from .fonts import FontLibrary

__all__ = ['PARTS', 'face_part', 'faces_of', 'word_part']

PARTS = ('train', 'test')


def face_part(path: str) -> str:
    """'test' for a fifth of the families, whose faces stay together: what their file is called up
    to a hyphen, so that the part of a face is the same on every machine."""
    family = re.split(r'[-_.]', Path(path).name.lower())[0]
    return PARTS[crc32(family.encode()) % 5 == 0]


def word_part(word: str) -> str:
    """'test' for one half of all words, whatever their letter case."""
    return PARTS[crc32(word.lower().encode()) % 2]


def faces_of(library: FontLibrary, part: str) -> FontLibrary:
    """The faces of a library that are of a part; a ValueError if they lack a character."""
    return FontLibrary([face for face in library.faces if face_part(face.path) == part],
                       library.charset)
