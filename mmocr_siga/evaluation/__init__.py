"""Metrics over data sets."""
from .benchmark import BenchmarkReport, SetResult, read_sets
from .character_error_metric import CharacterErrorMetric
from .e2e_hmean_metric import E2EHmeanMetric
from .named_datasets_evaluator import NamedDatasetsEvaluator
from .prompt_obedience_metric import PromptObedienceMetric
from .word_protocol_metric import Prediction, WordProtocolMetric

__all__ = [
    'BenchmarkReport', 'CharacterErrorMetric', 'E2EHmeanMetric', 'NamedDatasetsEvaluator',
    'Prediction', 'PromptObedienceMetric', 'SetResult', 'WordProtocolMetric', 'read_sets'
]
