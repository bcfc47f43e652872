"""How a reading goes wrong: characters dropped, doubled, put in and replaced."""
from __future__ import annotations

from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

__all__ = ['CharacterErrors', 'character_errors']


class CharacterErrors(NamedTuple):
    """Numbers of characters; their sum is the edit distance."""

    dropped: int  # of the label, not read
    doubled: int  # read once more: a run of them repeats what was read right before or after it
    inserted: int  # read without being there, in other ways
    replaced: int


def character_errors(label: str, reading: str) -> CharacterErrors:
    """Count what of a reading is wrong, along an alignment of the fewest edits."""
    dropped = doubled = inserted = replaced = 0
    for edit in Levenshtein.opcodes(label, reading):
        start, end = edit.dest_start, edit.dest_end
        if edit.tag == 'delete':
            dropped += edit.src_end - edit.src_start
        elif edit.tag == 'replace':
            replaced += end - start
        elif edit.tag == 'insert':
            run = reading[start:end]
            if reading[:start].endswith(run) or reading[end:].startswith(run):
                doubled += len(run)
            else:
                inserted += len(run)
    return CharacterErrors(dropped, doubled, inserted, replaced)
