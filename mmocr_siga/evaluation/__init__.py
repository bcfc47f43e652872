"""Metrics over data sets, and the protocols by which words are counted."""
from .benchmark import BenchmarkReport, Reading, SetResult, read_words
from .e2e_hmean_metric import E2EHmeanMetric
from .lexicon import Lexicon, read_lexicon
from .named_datasets_evaluator import NamedDatasetsEvaluator
from .protocol import PROTOCOLS, normalised, one_minus_ned, same_under

__all__ = [
    'PROTOCOLS', 'BenchmarkReport', 'E2EHmeanMetric', 'Lexicon', 'NamedDatasetsEvaluator',
    'Reading', 'SetResult', 'normalised', 'one_minus_ned', 'read_lexicon', 'read_words',
    'same_under'
]
