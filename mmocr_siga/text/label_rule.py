"""What becomes of a label before it is trained on."""
from __future__ import annotations

from typing import NamedTuple

from mmocr.models.common import Dictionary

from .dictionary import dictionary_characters, natural_letter_case

__all__ = ['LabelRule', 'Verdict', 'single_label']

LETTER_CASES = ('auto', 'lower', 'upper', 'unchanged')
UNKNOWN = ('drop', 'skip')


class Verdict(NamedTuple):
    """What became of a label: its final form, why its sample cannot be used (None if it can), and
    whether characters were left out.
    """
    label: str
    reason: str | None
    dropped: bool


def single_label(data_info: dict) -> str | None:
    """The label of a sample, None if it has not exactly one string."""
    instances = data_info.get('instances') or []
    text = instances[0].get('text') if len(instances) == 1 else None
    return text if isinstance(text, str) else None


class LabelRule:
    """Bring a label into the form that is trained on, and judge it.

    Args:
        max_seq_len: Most characters of a word, the end of sequence not counted: one less than the
            decoding steps of a model that predicts an end.
        letter_case: ``'lower'``, ``'upper'``, ``'unchanged'``, or ``'auto'``: the one the
            dictionary asks for, see :func:`.natural_letter_case`.
        unknown: ``'drop'`` leaves unknown characters out, ``'skip'`` refuses the label.
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

    def __call__(self, text: str | None) -> Verdict:
        """Judge a label as annotated; None for none."""
        if text is None:
            return Verdict('', 'have no label, or several', False)
        label = text
        if self.letter_case != 'unchanged':
            label = text.lower() if self.letter_case == 'lower' else text.upper()
        dropped = not self.characters.issuperset(label)
        if dropped and self.unknown == 'skip':
            return Verdict(label, 'contain unknown characters', False)
        if dropped:
            label = ''.join(c for c in label if c in self.characters)
        reason = None
        if not label:
            reason = 'hold no known character' if dropped else 'are empty'
        elif len(label) > self.max_seq_len:
            reason = f'are longer than {self.max_seq_len} characters'
        return Verdict(label, reason, dropped)

    def apply(self, results: dict) -> dict:
        """Replace the label of a data info, in place; the original becomes ``ori_text``."""
        text = single_label(results)
        label = self(text).label
        if text is not None and label != text:
            results['instances'][0]['text'] = label
            results['ori_text'] = text
        return results
