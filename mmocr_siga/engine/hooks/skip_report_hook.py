"""Report of the training samples that could not be used."""
from __future__ import annotations

import logging
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop
from mmocr.registry import HOOKS

from mmocr_siga.datasets.wrappers.checked_text_dataset import SkipReason


def counting_datasets(dataset: Any) -> list[Any]:
    """All data sets with ``skip_flags`` in a tree of wrappers, in order."""
    if hasattr(dataset, 'skip_flags'):
        return [dataset]
    inner = [dataset.dataset] if hasattr(dataset, 'dataset') else getattr(dataset, 'datasets', [])
    return [found for child in inner for found in counting_datasets(child)]


@HOOKS.register_module()
class SkipReportHook(Hook):
    """Log which samples ``CheckedTextDataset``, or a data set that draws them, had to replace:
    numbers by reason and the first new ones, after each epoch, or every ``interval`` iterations of
    a loop without epochs, and after training.

    Samples are counted once, over all workers and processes. At most ``max_examples`` are named in
    a report.
    """

    priority = 'LOW'

    def __init__(self, interval: int = 1000, max_examples: int = 5) -> None:
        if interval < 1 or max_examples < 0:
            raise ValueError('interval must be positive and max_examples not negative, but they '
                             f'are {interval} and {max_examples}')
        self.interval, self.max_examples = interval, max_examples
        self._datasets: list[Any] = []
        self._reported: list[torch.Tensor] = []

    def before_train(self, runner: Any) -> None:
        self._datasets = counting_datasets(runner.train_dataloader.dataset)
        self._reported = [torch.zeros(len(d.skip_flags), dtype=torch.bool)
                          for d in self._datasets]

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        epochs = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if not epochs and self.every_n_train_iters(runner, self.interval):
            self.after_train_epoch(runner)

    def after_train_epoch(self, runner: Any) -> None:
        for dataset, reported in zip(self._datasets, self._reported):
            flags = dataset.skip_flags.clone()
            if get_world_size() > 1:
                # Each process has marked its own; the largest code stands where several did.
                all_reduce(flags, op='max')
            new = torch.nonzero((flags > 0) & ~reported)[:, 0].tolist()
            if new:
                reported |= flags > 0
                runner.logger.log(logging.WARNING, self._message(dataset, flags, new))

    after_train = after_train_epoch

    def _message(self, dataset: Any, flags: torch.Tensor, new: list[int]) -> str:
        counts = torch.bincount(flags, minlength=len(SkipReason)).tolist()
        reasons = ', '.join(f'{counts[reason]:,} {reason.text}' for reason in SkipReason
                            if reason and counts[reason])
        examples = ', '.join(f'{dataset.describe(number)} ({SkipReason(int(flags[number])).text})'
                             for number in new[:self.max_examples])
        return (f'Replaced so far by other samples: {sum(counts[1:]):,} of {len(flags):,} '
                f'({reasons}); {len(new):,} new' + (f', e.g. {examples}' if examples else ''))
