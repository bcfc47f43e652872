"""Word accuracy and edit distance under the protocols of the field."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmocr.registry import METRICS

from ..text.files import nfc
from ..text.label_rule import label_of
from ..text.protocol import PROTOCOLS, one_minus_ned, same_under

__all__ = ['NED', 'Prediction', 'WordProtocolMetric']

NED = '1-N.E.D'


@dataclass(frozen=True)
class Prediction:
    """One word as it was read."""

    image: str  # path, or <database>:<key>
    label: str
    text: str
    score: float | None  # mean confidence of the characters; None where nothing was read


@METRICS.register_module()
class WordProtocolMetric(BaseMetric):
    """Word accuracy and one minus the normalized edit distance.

    The names are those of MMOCR's ``WordMetric`` and ``OneMinusNEDMetric``, and so are the figures
    of the protocols 36, 68 and 94, which MMOCR has too.

    Args:
        protocols: Keys of :data:`.protocol.PROTOCOLS`; edit distances are those of the first.
        options: ``collect_device`` and ``prefix`` of MMEngine's metrics.
    """
    default_prefix = 'recog'

    def __init__(self, protocols: Sequence[str] = ('36', '68', '94'), **options: Any) -> None:
        super().__init__(**options)
        self.protocols = tuple(protocols)
        if isinstance(protocols, str) or not protocols or not PROTOCOLS.keys() >= {*protocols}:
            raise ValueError(f'protocols must be some of {list(PROTOCOLS)}, but are {protocols!r}')

    def process(self, data_batch: Any, data_samples: Sequence[Mapping]) -> None:
        """Keep a :class:`Prediction` of each sample in ``results``."""
        for sample in data_samples:
            image = str(sample.get('img_path') or 'a word')
            label, problem = label_of(sample.get('gt_text', {}).get('item', ''))
            if label is None or 'item' not in sample.get('gt_text', {}):
                raise ValueError(f'{image} {problem or "has no label"}')
            if 'pred_text' not in sample:
                raise ValueError('the model gives no text: is its config one of a text recognizer?')
            scores = sample['pred_text'].get('score')
            scores = np.array([] if scores is None else [float(score) for score in scores])
            self.results.append(Prediction(
                image, label, nfc(sample['pred_text']['item']),
                round(float(scores.mean()), 4) if scores.size else None))

    def compute_metrics(self, results: Sequence[Prediction]) -> dict[str, float]:
        out = {PROTOCOLS[name].metric: _mean([same_under(r.label, r.text, name) for r in results])
               for name in self.protocols}
        out[NED] = _mean([one_minus_ned(r.label, r.text, self.protocols[0]) for r in results])
        return out


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
