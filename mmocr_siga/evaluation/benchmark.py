"""Reads sets of words with a recognizer, and lays what was counted out in tables."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.evaluator import Evaluator
from mmengine.model import BaseModel
from tabulate import tabulate
from torch.utils.data import DataLoader
from tqdm import tqdm

from ..text.protocol import PROTOCOLS, normalized, same_under
from .word_protocol_metric import NED, Prediction, WordProtocolMetric

__all__ = ['BenchmarkReport', 'SetResult', 'read_sets']

COLUMNS = ('set', 'words', 'right', 'word accuracy', '1 - NED', 'images/s')
KINDS = ('word_accuracy', 'one_minus_ned')


@dataclass(frozen=True)
class SetResult:
    """What was read of one set; ``seconds`` as in :class:`BenchmarkReport`."""

    name: str
    predictions: list[Prediction]  # every word, in the order of the set
    seconds: float
    word_accuracy: float
    one_minus_ned: float

    @property
    def words(self) -> int:
        return len(self.predictions)


@dataclass(frozen=True)
class BenchmarkReport:
    """Results of several sets.

    Speed is that of the recognizer, from a batch in memory to its texts, without a first batch that
    warms up.
    """

    results: list[SetResult]
    protocol: str = '36'  # a key of PROTOCOLS
    skipped: dict[str, str] = field(default_factory=dict)  # sets not there: what was looked for
    about: dict[str, Any] = field(default_factory=dict)  # config, weights, device, ...

    def right(self, result: SetResult) -> list[bool]:
        """Whether each word of a set counts as read."""
        return [same_under(p.label, p.text, self.protocol) for p in result.predictions]

    def averages(self) -> dict[str, dict[str, float]]:
        """Averages over the words ('weighted') and over the sets ('unweighted')."""
        values = [[getattr(r, kind) for kind in KINDS] for r in self.results]
        words = dict(weighted=[r.words for r in self.results], unweighted=None)
        return {name: dict(zip(KINDS, np.average(values, 0, weights).tolist()))
                for name, weights in words.items()}

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single words, for JSON; shares lie in [0, 1]."""
        sets = [dict(name=r.name, words=r.words, right=sum(self.right(r)),
                     word_accuracy=r.word_accuracy, one_minus_ned=r.one_minus_ned,
                     images_per_second=r.words / r.seconds if r.seconds else 0.0,
                     labels_of_symbols_only=self._symbols_only(r)) for r in self.results]
        return dict(
            protocol=dict(name=self.protocol, text=PROTOCOLS[self.protocol].text),
            **self.about, speed=self._speed_text(), sets=sets, averages=self.averages(),
            words=sum(r.words for r in self.results), skipped=dict(self.skipped))

    def table(self) -> str:
        """The results as a Markdown table that reads well as plain text too; shares in %."""
        rows = [(r.name, r.words, sum(self.right(r)), 100 * r.word_accuracy, 100 * r.one_minus_ned,
                 r.words / r.seconds if r.seconds else None) for r in self.results]
        seconds = sum(r.seconds for r in self.results)
        words, right = (sum(row[i] for row in rows) for i in (1, 2))
        weighted, unweighted = ([100 * average[kind] for kind in KINDS]
                                for average in self.averages().values())
        rows.append(('weighted average', words, right, *weighted,
                     words / seconds if seconds else None))
        rows.append(('unweighted average', None, None, *unweighted, None))
        return tabulate(rows, COLUMNS, 'pipe', intfmt=',', floatfmt='.1f', disable_numparse=[0])

    def markdown(self) -> str:
        """The table with everything that is needed to understand its figures."""
        return '\n'.join([f'# Word accuracy in %, protocol {self.protocol}', '', self.table(), '',
                          *self.notes(), '', *(f'- {k}: {v}' for k, v in self.about.items()), ''])

    def notes(self) -> list[str]:
        """What the figures mean, and which sets are not among them; a line each."""
        lines = [f'Protocol {self.protocol}: {PROTOCOLS[self.protocol].text}.',
                 'Weighted: every word counts the same; unweighted: every set does.',
                 self._speed_text()]
        symbols = sum(map(self._symbols_only, self.results))
        if symbols:
            lines.append(f'{symbols} labels hold nothing that the protocol compares; they are '
                         'right where nothing of that kind was read.')
        if self.skipped:
            total = len(self.skipped) + len(self.results)
            names = ', '.join(f'{name} ({path})' for name, path in self.skipped.items())
            lines.append(f'Not there and skipped, {len(self.skipped)} of {total} sets: {names}.')
        return lines

    def _symbols_only(self, result: SetResult) -> int:
        """Labels of which the protocol compares nothing."""
        return sum(not normalized(p.label, self.protocol) for p in result.predictions)

    def _speed_text(self) -> str:
        return ('images/s: the recognizer alone, from a batch in memory to its texts '
                f'(batches of {self.about.get("batch_size", "?")} on '
                f'{self.about.get("device", "?")}); loading images and a first batch to warm up '
                'are not counted.')


def read_sets(model: BaseModel, datasets: Mapping[str, BaseDataset], protocol: str = '36',
              batch_size: int = 64, workers: int = 0) -> list[SetResult]:
    """Read sets of words by name with a recognizer in evaluation mode; the first batch is read once
    more before."""
    empty = [name for name, dataset in datasets.items() if not len(dataset)]
    if empty:
        raise ValueError(f'{empty[0]} holds no words')
    results, warm = [], False
    for name, dataset in datasets.items():
        metric, seconds = WordProtocolMetric([protocol]), 0.0
        evaluator = Evaluator(metric)
        loader = DataLoader(dataset, batch_size, num_workers=workers, collate_fn=pseudo_collate)
        # On a terminal only.
        with tqdm(total=len(dataset), desc=name, unit=' words', disable=None) as bar:
            for batch in loader:
                if not warm:
                    _timed(model, batch)
                    warm = True
                spent, samples = _timed(model, batch)
                seconds += spent
                evaluator.process(samples, batch)
                bar.update(len(samples))
        predictions = list(metric.results)
        figures = evaluator.evaluate(len(predictions))
        results.append(SetResult(
            name, predictions, seconds, figures[f'{metric.prefix}/{PROTOCOLS[protocol].metric}'],
            figures[f'{metric.prefix}/{NED}']))
    return results


@torch.no_grad()
def _timed(model: BaseModel, batch: dict) -> tuple[float, Sequence[Any]]:
    """Seconds, and the samples with their texts, which are on the host."""
    device = next(model.parameters()).device
    synchronize = torch.cuda.synchronize if device.type == 'cuda' else lambda device: None
    synchronize(device)
    start = time.perf_counter()
    samples = model.test_step(batch)
    synchronize(device)
    return time.perf_counter() - start, samples
