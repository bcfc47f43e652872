"""When a word counts as read: the protocols of scene text recognition, as pure functions."""
from __future__ import annotations

import re
from typing import NamedTuple

from rapidfuzz.distance import Levenshtein

__all__ = ['PROTOCOLS', 'Protocol', 'normalised', 'one_minus_ned', 'same_under']

# MMOCR's pattern, character by character, for its figures and these to be the same: besides
# letters and digits it keeps the literal ^ and Chinese characters.
IGNORED = re.compile('[^A-Z^a-z^0-9^\u4e00-\u9fa5]')


class Protocol(NamedTuple):
    """What of a label and of a reading is compared.

    Attributes:
        name (str): '36', '62' or '94', after the characters that make a difference.
        fold_case (bool): Whether both are brought into lower case.
        drop_symbols (bool): Whether symbols and blanks are taken out of both.
        text (str): The protocol in words.
    """
    name: str
    fold_case: bool
    drop_symbols: bool
    text: str


PROTOCOLS = {
    '36': Protocol(
        '36', True, True, 'letter case and symbols ignored: label and reading are brought into '
        'lower case, everything but 0-9 and a-z is taken out of both (as in MMOCR, ^ and Chinese '
        "characters stay), then they must be equal; MMOCR's word_acc_ignore_case_symbol"),
    '62': Protocol(
        '62', False, True, 'symbols ignored, letter case not: everything but 0-9, A-Z and a-z is '
        'taken out of label and reading (as in MMOCR, ^ and Chinese characters stay), then they '
        'must be equal'),
    '94': Protocol(
        '94', False, False, "label and reading must be equal as they are; MMOCR's word_acc"),
}


def normalised(text: str, protocol: str = '36') -> str:
    """What of a text is compared.

    Args:
        text (str): A label or a reading.
        protocol (str): A key of :data:`PROTOCOLS`. Defaults to '36'.

    Returns:
        str: The text without what the protocol ignores.

    Raises:
        KeyError: If there is no such protocol.
    """
    rule = PROTOCOLS[protocol]
    # MMOCR lowers the case first, and some capitals become a letter and a mark.
    text = text.lower() if rule.fold_case else text
    return IGNORED.sub('', text) if rule.drop_symbols else text


def same_under(label: str, reading: str, protocol: str = '36') -> bool:
    """Whether a word counts as read; see :func:`normalised`."""
    return normalised(label, protocol) == normalised(reading, protocol)


def one_minus_ned(label: str, reading: str, protocol: str = '36') -> float:
    """One minus the edit distance of what is compared, over the length of the longer text.

    Args:
        label (str): The label.
        reading (str): What was read.
        protocol (str): A key of :data:`PROTOCOLS`. Defaults to '36'.

    Returns:
        float: In [0, 1]; 1 if both are empty.
    """
    return 1 - Levenshtein.normalized_distance(normalised(label, protocol),
                                               normalised(reading, protocol))
