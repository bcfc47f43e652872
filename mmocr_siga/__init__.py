"""Glyph supervision for scene text recognisers, as a plugin of MMOCR.

Importing the package registers every component in ``mmocr.registry``.
"""

from . import compat

compat.apply()

# Everything below imports MMOCR, which the repairs above make possible.
from . import (
    checkpoint,
    datasets,
    engine,
    evaluation,
    models,
    visualization,
)
from .version import __version__

checkpoint.register_loaders()

__all__ = [
    '__version__',
    'checkpoint',
    'compat',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'visualization',
]
