"""When a word counts as read: the protocols of scene text recognition, as pure functions."""
from __future__ import annotations

import re
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

from .files import nfc

__all__ = ['PROTOCOLS', 'Protocol', 'normalized', 'one_minus_ned', 'same_under']

# MMOCR's pattern, character by character, for its figures and these to be the same: besides
# letters and digits it keeps the literal ^ and Chinese characters.
IGNORED = re.compile('[^A-Z^a-z^0-9^\u4e00-\u9fa5]')


class Protocol(NamedTuple):
    """What of a label and of a reading is compared."""

    metric: str  # name of its word accuracy among the metrics: MMOCR's, where it has one
    fold_case: bool  # both are brought into lower case
    drop_symbols: bool  # symbols and blanks are taken out of both
    text: str  # the protocol in words


# Named after the number of characters that make a difference.
PROTOCOLS = {
    '36': Protocol(
        'word_acc_ignore_case_symbol', True, True,
        'letter case and symbols ignored: label and reading are brought into lower case, '
        'everything but 0-9 and a-z is taken out of both (as in MMOCR, ^ and Chinese characters '
        "stay), then they must be equal; MMOCR's word_acc_ignore_case_symbol"),
    '62': Protocol(
        'word_acc_ignore_symbol', False, True,
        'symbols ignored, letter case not: everything but 0-9, A-Z and a-z is taken out of label '
        'and reading (as in MMOCR, ^ and Chinese characters stay), then they must be equal'),
    '68': Protocol(
        'word_acc_ignore_case', True, False,
        "label and reading must be equal in lower case; MMOCR's word_acc_ignore_case"),
    '94': Protocol(
        'word_acc', False, False,
        "label and reading must be equal as they are; MMOCR's word_acc"),
}


def normalized(text: str, protocol: str = '36') -> str:
    """What of a label or a reading is compared, in NFC; a KeyError if there is no such protocol."""
    rule = PROTOCOLS[protocol]
    # MMOCR lowers the case first, and some capitals become a letter and a mark.
    text = nfc(text.lower() if rule.fold_case else text)
    return IGNORED.sub('', text) if rule.drop_symbols else text


def same_under(label: str, reading: str, protocol: str = '36') -> bool:
    """Whether a word counts as read; see :func:`normalized`."""
    return normalized(label, protocol) == normalized(reading, protocol)


def one_minus_ned(label: str, reading: str, protocol: str = '36') -> float:
    """One minus the edit distance of what is compared over the length of the longer text, in
    [0, 1]; 1 if both are empty."""
    return Levenshtein.normalized_similarity(normalized(label, protocol),
                                             normalized(reading, protocol))
