"""Reads sets of words with a recogniser, counts, and lays the counts out in tables."""
from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Callable

import torch
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.model import BaseModel
from torch.utils.data import DataLoader

from ..datasets.transforms.base import sample_name
from ..text.label_rule import single_label
from ..text.protocol import PROTOCOLS, normalised, one_minus_ned, same_under

__all__ = ['BenchmarkReport', 'Reading', 'SetResult', 'read_words']

COLUMNS = ('set', 'words', 'right', 'word accuracy', '1 - NED', 'images/s')


@dataclass(frozen=True)
class Reading:
    """One word as it was read.

    Attributes:
        image (str): Path of the image, or ``<database>:<key>``.
        label (str): Its label.
        text (str): What was read.
        score (float or None): Mean confidence of the characters; None where nothing was read.
        right (bool): Whether it counts as read under the protocol.
        one_minus_ned (float): One minus the normalised edit distance.
    """
    image: str
    label: str
    text: str
    score: float | None
    right: bool
    one_minus_ned: float


@dataclass
class SetResult:
    """What was read of one set.

    Attributes:
        name (str): Name of the set.
        seconds (float): Time the recogniser took, see :class:`BenchmarkReport`.
        readings (list[Reading]): Every word, in the order of the set.
        symbols_only (int): Labels of which the protocol compares nothing.
    """
    name: str
    seconds: float = 0.0
    readings: list[Reading] = field(default_factory=list)
    symbols_only: int = 0

    @property
    def words(self) -> int:
        """Number of words."""
        return len(self.readings)

    @property
    def right(self) -> int:
        """Number of words that count as read."""
        return sum(reading.right for reading in self.readings)

    @property
    def word_accuracy(self) -> float:
        """Share of the words that count as read."""
        return self.right / max(self.words, 1)

    @property
    def one_minus_ned(self) -> float:
        """Mean over the words."""
        return sum(r.one_minus_ned for r in self.readings) / max(self.words, 1)

    @property
    def images_per_second(self) -> float:
        """Words over the time the recogniser took."""
        return self.words / self.seconds if self.seconds else 0.0


@dataclass
class BenchmarkReport:
    """Results of several sets.

    Speed is that of the recogniser: from a batch in memory to its texts, which is moving it to
    the device, normalising, the network and the decoding to text. Loading and decoding the images
    is not in it, nor a first batch that warms up.

    Attributes:
        results (list[SetResult]): One for each set read.
        protocol (str): A key of :data:`.protocol.PROTOCOLS`.
        skipped (dict[str, str]): Sets that are not there, with what was looked for.
        about (dict[str, Any]): What else is to be written down: config, weights, device, ...
    """
    results: list[SetResult]
    protocol: str = '36'
    skipped: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    def averages(self) -> dict[str, dict[str, float]]:
        """Averages over the words ('weighted') and over the sets ('unweighted').

        Returns:
            dict: ``word_accuracy`` and ``one_minus_ned`` of both.
        """
        words = max(sum(r.words for r in self.results), 1)
        count = max(len(self.results), 1)
        out: dict[str, dict[str, float]] = dict(weighted={}, unweighted={})
        for kind in ('word_accuracy', 'one_minus_ned'):
            values = [getattr(r, kind) for r in self.results]
            out['weighted'][kind] = sum(
                value * r.words for value, r in zip(values, self.results)) / words
            out['unweighted'][kind] = sum(values) / count
        return out

    def to_dict(self) -> dict[str, Any]:
        """Everything but the readings, for JSON; shares lie in [0, 1]."""
        sets = [dict(name=r.name, words=r.words, right=r.right, word_accuracy=r.word_accuracy,
                     one_minus_ned=r.one_minus_ned, images_per_second=r.images_per_second,
                     labels_of_symbols_only=r.symbols_only) for r in self.results]
        return dict(
            protocol=dict(name=self.protocol, text=PROTOCOLS[self.protocol].text),
            **self.about, speed=self._speed_text(), sets=sets, averages=self.averages(),
            words=sum(r.words for r in self.results), skipped=dict(self.skipped))

    def table(self) -> str:
        """The results as a Markdown table that reads well as plain text too."""
        rows = [(r.name, f'{r.words:,}', f'{r.right:,}', *_percent(r.word_accuracy,
                                                                    r.one_minus_ned),
                 f'{r.images_per_second:.1f}') for r in self.results]
        averages = self.averages()
        words, right, seconds = (sum(getattr(r, key) for r in self.results)
                                 for key in ('words', 'right', 'seconds'))
        speed = f'{words / seconds:.1f}' if seconds else ''
        rows.append(('weighted average', f'{words:,}', f'{right:,}',
                     *_percent(*averages['weighted'].values()), speed))
        rows.append(('unweighted average', '', '', *_percent(*averages['unweighted'].values()),
                     ''))
        return _aligned([COLUMNS, *rows])

    def markdown(self) -> str:
        """The table with everything that is needed to understand its figures."""
        about = [f'- {key}: {value}' for key, value in self.about.items()]
        return '\n'.join([
            f'# Word accuracy in %, protocol {self.protocol}', '', self.table(), '', *self.notes(),
            '', *about, ''])

    def notes(self) -> list[str]:
        """What the figures mean, and which sets are not among them; a line each."""
        lines = [f'Protocol {self.protocol}: {PROTOCOLS[self.protocol].text}.',
                 'Weighted: every word counts the same; unweighted: every set does.',
                 self._speed_text()]
        symbols = sum(r.symbols_only for r in self.results)
        if symbols:
            lines.append(f'{symbols} labels hold nothing that the protocol compares; they are '
                         'right where nothing of that kind was read.')
        if self.skipped:
            total = len(self.skipped) + len(self.results)
            names = ', '.join(f'{name} ({path})' for name, path in self.skipped.items())
            lines.append(f'Not there and skipped, {len(self.skipped)} of {total} sets: {names}.')
        return lines

    def _speed_text(self) -> str:
        return ('images/s: the recogniser alone, from a batch in memory to its texts '
                f'(batches of {self.about.get("batch_size", "?")} on '
                f'{self.about.get("device", "?")}); loading images and a first batch to warm up '
                'are not counted.')


def read_words(model: BaseModel, dataset: BaseDataset, name: str, protocol: str = '36',
               batch_size: int = 64, workers: int = 0, warm_up: bool = False,
               progress: Callable[[int, int], None] | None = None) -> SetResult:
    """Read every word of a set.

    Args:
        model (BaseModel): Recogniser in evaluation mode.
        dataset (BaseDataset): The words, with a test pipeline.
        name (str): Name of the set.
        protocol (str): A key of :data:`.protocol.PROTOCOLS`. Defaults to '36'.
        batch_size (int): Words at a time. Defaults to 64.
        workers (int): Processes that load images; 0 for none. Defaults to 0.
        warm_up (bool): Whether to read the first batch once before the clock starts. Defaults to
            False.
        progress (Callable, optional): Told the number of words read and of all words.

    Returns:
        SetResult: The readings and the time.

    Raises:
        ValueError: If the set is empty, a word has no label or the model gives no text.
    """
    total = len(dataset)
    if not total:
        raise ValueError(f'{name} holds no words')
    result = SetResult(name)
    loader = DataLoader(dataset, batch_size, num_workers=workers, collate_fn=pseudo_collate)
    for batch in loader:
        if warm_up:
            _timed(model, batch)
            warm_up = False
        seconds, samples = _timed(model, batch)
        result.seconds += seconds
        for sample in samples:
            info = dataset.get_data_info(result.words)
            result.readings.append(_reading(sample, info, name, protocol))
            result.symbols_only += not normalised(result.readings[-1].label, protocol)
        if progress is not None:
            progress(result.words, total)
    return result


@torch.no_grad()
def _timed(model: BaseModel, batch: dict) -> tuple[float, Sequence[Any]]:
    """Seconds, and the samples with their texts, which are on the host."""
    device = next(model.parameters()).device
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    start = time.perf_counter()
    samples = model.test_step(batch)
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
    return time.perf_counter() - start, samples


def _reading(sample: Any, info: Mapping, name: str, protocol: str) -> Reading:
    label = single_label(info)
    if label is None:
        raise ValueError(f'{name}: {sample_name(info)} has no label')
    if 'pred_text' not in sample:
        raise ValueError('the model gives no text: is its config one of a text recogniser?')
    text, scores = sample.pred_text.item, sample.pred_text.get('score')
    scores = torch.as_tensor([] if scores is None else scores, dtype=torch.float)
    return Reading(sample_name(info), label, text,
                   round(float(scores.mean()), 4) if scores.numel() else None,
                   same_under(label, text, protocol), one_minus_ned(label, text, protocol))


def _percent(*shares: float) -> tuple[str, ...]:
    return tuple(f'{100 * share:.1f}' for share in shares)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Markdown table: the first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ['| ' + ' | '.join([row[0].ljust(widths[0])] +
                               [cell.rjust(w) for cell, w in zip(row[1:], widths[1:])]) + ' |'
             for row in rows]
    rule = '|' + '|'.join(['-' * (widths[0] + 2)] + ['-' * (w + 1) + ':' for w in widths[1:]])
    return '\n'.join([lines[0], rule + '|', *lines[1:]])
