"""Metrics over data sets."""
from .benchmark import BenchmarkReport, Reading, SetResult, read_words
from .e2e_hmean_metric import E2EHmeanMetric
from .named_datasets_evaluator import NamedDatasetsEvaluator

__all__ = [
    'BenchmarkReport', 'E2EHmeanMetric', 'NamedDatasetsEvaluator', 'Reading', 'SetResult',
    'read_words'
]
