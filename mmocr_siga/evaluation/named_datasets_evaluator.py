"""Metrics of several data sets, each under its name, and their averages."""
from __future__ import annotations

from collections.abc import Sequence
from operator import mul
from typing import Any

from mmengine.evaluator import BaseMetric
from mmocr.evaluation import MultiDatasetsEvaluator
from mmocr.registry import EVALUATOR, METRICS

__all__ = ['NamedDatasetsEvaluator', 'averages']

UNWEIGHTED, WEIGHTED = 'average', 'weighted_average'


def averages(metrics: dict[str, float], sizes: dict[str, int]) -> dict[str, float]:
    """Average values by ``<data set>/<metric>`` over the data sets, of so many words each:
    ``average/<metric>``, where each set counts the same, and ``weighted_average/<metric>``, where
    each word does. Metrics that some set lacks are left out."""
    out, words = {}, max(sum(sizes.values()), 1)
    for kind in {key[len(name) + 1:]: None for name in sizes for key in metrics
                 if key.startswith(f'{name}/')}:
        values = [metrics.get(f'{name}/{kind}') for name in sizes]
        if None not in values:
            out[f'{UNWEIGHTED}/{kind}'] = sum(values) / len(values)
            out[f'{WEIGHTED}/{kind}'] = sum(map(mul, values, sizes.values())) / words
    return out


@EVALUATOR.register_module()
class NamedDatasetsEvaluator(MultiDatasetsEvaluator):
    """``MultiDatasetsEvaluator`` that takes the names from the data, as :class:`.AvailableDatasets`
    gives them, and adds :func:`averages` of two sets and more; ``dataset_prefixes`` are for data
    that carry none, as MMOCR's ``ConcatDataset``."""

    def __init__(self, metrics: dict | BaseMetric | Sequence,
                 dataset_prefixes: Sequence[str] | None = None) -> None:
        super().__init__(metrics, dataset_prefixes)

    def evaluate(self, size: int) -> dict:
        """Values by ``<data set>/<metric prefix>/<metric>`` and the averages, of ``size`` words."""
        meta = self.dataset_meta or {}
        ends = list(meta.get('cumulative_sizes', [size]))
        names = self._names(meta, len(ends))
        given, self.dataset_prefixes = self.dataset_prefixes, names
        try:
            metrics = super().evaluate(size)
        finally:
            self.dataset_prefixes = given
        if len(names) > 1:
            sizes = {name: end - start for name, start, end in zip(names, [0, *ends], ends)}
            metrics.update(averages(metrics, sizes))
        return metrics

    def _names(self, meta: dict, count: int) -> list[str]:
        names = meta.get('dataset_names')
        if names is None and self.dataset_prefixes is not None:
            names = list(self.dataset_prefixes)
            kept = meta.get('dataset_kept')
            if kept is not None and max(kept, default=-1) < len(names) != count:
                names = [names[i] for i in kept]
        if names is None:
            raise ValueError('the data sets have no names: give AvailableDatasets a dict of '
                             'data sets, or dataset_prefixes to the evaluator')
        if len(names) != count:
            raise ValueError(f'{len(names)} dataset_prefixes {list(names)} for {count} data sets: '
                             'give one for each, in the same order')
        if len(set(names)) != count:
            raise ValueError(f'data sets need different names, but they are {list(names)}')
        return list(names)


@METRICS.register_module('NamedDatasetsEvaluator')
class _AmongMetrics(NamedDatasetsEvaluator):
    """The same in a list of metrics, where ``mim test --save-preds`` puts the evaluator."""

    def process(self, data_batch: Any, data_samples: Sequence) -> None:
        super().process(data_samples, data_batch)
