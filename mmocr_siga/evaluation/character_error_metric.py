"""Which characters are dropped and doubled, by the length of words and where they repeat."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from mmocr.registry import METRICS

from ..text.character_errors import CharacterErrors, character_errors
from ..text.protocol import normalized
from .word_protocol_metric import Prediction, WordProtocolMetric

__all__ = ['CharacterErrorMetric']


@METRICS.register_module()
class CharacterErrorMetric(WordProtocolMetric):
    """Characters that are dropped, doubled, inserted and replaced, in 100 characters of the labels
    (:func:`~mmocr_siga.text.character_errors.character_errors`).

    Of all words, and by group: the length of the label (``length_1-5/dropped``) and whether some
    character occurs in it twice (``repeats/dropped``, ``no_repeats/dropped``); with the words of
    each and the share that is read right (``words``, ``word_acc``). A group without words is left
    out.

    Args:
        protocol: Key of :data:`.protocol.PROTOCOLS`, what of the texts is compared.
        lengths: The longest words of each group but the last.
    """

    def __init__(self, protocol: str = '36', lengths: Sequence[int] = (5, 8),
                 **options: Any) -> None:
        super().__init__([protocol], **options)
        if list(lengths) != sorted({*lengths}) or min(lengths, default=1) < 1:
            raise ValueError(f'lengths must rise from 1, but are {lengths!r}')
        self.lengths = tuple(lengths)

    def compute_metrics(self, results: Sequence[Prediction]) -> dict[str, float]:
        pairs = [(normalized(r.label, self.protocols[0]), normalized(r.text, self.protocols[0]))
                 for r in results]
        out = {}
        for name, holds in self._groups().items():
            group = [(label, reading) for label, reading in pairs if holds(label)]
            if group or not name:
                out.update((name + kind, value) for kind, value in _figures(group).items()
                           if name or kind not in ('words', 'word_acc'))
        return out

    def _groups(self) -> dict[str, Callable[[str], bool]]:
        """Beginnings of names, and what labels they are of."""
        groups = {'': lambda label: True,
                  'repeats/': lambda label: len({*label}) < len(label),
                  'no_repeats/': lambda label: len({*label}) == len(label)}
        ends = [*self.lengths, None]
        for start, end in zip([1, *(length + 1 for length in self.lengths)], ends):
            name = f'length_{start}+/' if end is None else f'length_{start}-{end}/'
            groups[name] = lambda label, start=start, end=end: (
                start <= len(label) and (end is None or len(label) <= end))
        return groups


def _figures(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    """Words, those read right, and errors in 100 characters, of labels and readings."""
    errors = np.array([character_errors(*pair) for pair in pairs]).reshape(-1, 4).sum(0)
    characters = max(sum(len(label) for label, _ in pairs), 1)
    right = sum(label == reading for label, reading in pairs) / max(len(pairs), 1)
    return dict(zip(CharacterErrors._fields, (100 * errors / characters).tolist()),
                words=len(pairs), word_acc=right)
