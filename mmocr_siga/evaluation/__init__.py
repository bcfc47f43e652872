"""Metrics over data sets, and the protocols by which words are counted."""
from .named_datasets_evaluator import NamedDatasetsEvaluator

__all__ = ['NamedDatasetsEvaluator']
