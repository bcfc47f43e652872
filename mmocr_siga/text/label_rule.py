"""What becomes of a label before it is trained on."""
from __future__ import annotations

from typing import Any, NamedTuple

from mmocr.models.common import Dictionary

from .dictionary import (
    dictionary_characters,
    known_form,
    natural_letter_case,
    without_accents,
)
from .files import nfc, text_problem

__all__ = ['LabelRule', 'Verdict', 'label_of', 'single_label']

LETTER_CASES = ('auto', 'lower', 'upper', 'unchanged')
UNKNOWN = ('drop', 'skip')


class Verdict(NamedTuple):
    """What became of a label: its final form, why its sample cannot be used (to follow its name;
    None if it can), and whether characters or accents were left out.
    """
    label: str
    reason: str | None
    dropped: bool


def label_of(value: Any) -> tuple[str | None, str]:
    """A label in NFC, None if it is none, and what is wrong with it: '' if nothing is.

    ``value`` is what an annotation holds. A whole number stands for its digits, as spreadsheets
    write columns of them.
    """
    if isinstance(value, str):
        problem = text_problem(value)
        return (None, f'has a label that {problem}') if problem else (nfc(value), '')
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value), ''
    kind = {float: 'a number that is not whole', bool: 'true or false', type(None): 'null',
            list: 'a list', dict: 'an object'}.get(type(value), type(value).__name__)
    return None, f'has {kind} for a label, not text: write it in quotes'


def single_label(data_info: dict) -> tuple[str | None, str]:
    """The label of a sample as of :func:`label_of`; a ``problem`` that it has comes first."""
    instances = data_info.get('instances') or []
    if data_info.get('problem'):
        return None, data_info['problem']
    if not isinstance(instances, list) or not all(isinstance(each, dict) for each in instances):
        return None, 'has instances that are no list of objects'
    if len(instances) > 1:
        return None, 'has several labels'
    if not instances or 'text' not in instances[0]:
        return None, 'has no label'
    return label_of(instances[0]['text'])


class LabelRule:
    """Bring a label into the form that is trained on, and judge it.

    Args:
        max_seq_len: Most characters of a word, the end of sequence not counted: one less than the
            decoding steps of a model that predicts an end.
        letter_case: ``'lower'``, ``'upper'``, ``'unchanged'``, or ``'auto'``: the one the
            dictionary asks for, see :func:`.natural_letter_case`.
        unknown: What is done where the dictionary lacks a character. ``'drop'`` takes the letter
            without its accent, leaves other signs out, and refuses the label where another letter
            or digit is unknown, without which it would be another word; ``'skip'`` refuses it in
            any case.
    """

    def __init__(self, dictionary: Dictionary, max_seq_len: int = 25, letter_case: str = 'auto',
                 unknown: str = 'drop') -> None:
        if letter_case not in LETTER_CASES:
            raise ValueError(f'letter_case must be one of {LETTER_CASES}, but is {letter_case!r}')
        if unknown not in UNKNOWN:
            raise ValueError(f'unknown must be one of {UNKNOWN}, but is {unknown!r}')
        if max_seq_len < 1:
            raise ValueError(f'max_seq_len must be positive, but is {max_seq_len}')
        self.characters = dictionary_characters(dictionary)
        self.max_seq_len, self.unknown = max_seq_len, unknown
        self.letter_case = (natural_letter_case(dictionary) if letter_case == 'auto' else
                            letter_case)

    def options(self) -> dict[str, str | int]:
        """What the verdicts depend on."""
        return dict(vars(self), characters=''.join(sorted(self.characters)))

    def __call__(self, text: str) -> Verdict:
        """Judge a label as annotated."""
        label = text
        if self.letter_case != 'unchanged':
            label = text.lower() if self.letter_case == 'lower' else text.upper()
        label = known_form(label, self.characters)
        dropped = not self.characters.issuperset(label)
        if dropped and self.unknown == 'skip':
            return Verdict(label, 'has unknown characters', False)
        if dropped:
            label = without_accents(label, self.characters)
            unknown = (c for c in set(label) - self.characters if c.isalnum())
            if any(self.characters.isdisjoint((c.lower(), c.upper())) for c in unknown):
                return Verdict(label, 'has letters that the dictionary lacks', False)
            label = ''.join(c for c in label if c in self.characters)
        reason = None
        if not label:
            reason = 'has no known character' if dropped else 'has an empty label'
        elif len(label) > self.max_seq_len:
            reason = f'has a label longer than {self.max_seq_len} characters'
        return Verdict(label, reason, dropped)

    def apply(self, results: dict) -> dict:
        """Replace the label of a data info, in place; the original becomes ``ori_text``."""
        text, _ = single_label(results)
        if text is None:
            return results
        label = self(text).label
        if label != results['instances'][0]['text']:
            results['instances'][0]['text'] = label
            results['ori_text'] = text
        return results
