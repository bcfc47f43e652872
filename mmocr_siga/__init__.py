"""Glyph supervision for scene text recognisers, as a plugin of MMOCR.

Importing the package registers every component in ``mmocr.registry``.
"""

from .cli.start import is_command
from .version import __version__

__all__ = [
    '__version__',
    'checkpoint',
    'compat',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'register',
    'visualization',
]


def register() -> None:
    """Import every component into MMOCR's registries. Safe to call more than once.

    Importing the package does this, but for ``python -m mmocr_siga``, which first looks at its
    arguments.
    """
    from . import compat

    compat.apply()

    # Everything below imports MMOCR, which the repairs above make possible.
    from . import (  # noqa: F401
        checkpoint,
        datasets,
        engine,
        evaluation,
        models,
        visualization,
    )

    checkpoint.register_loaders()


if not is_command():
    register()
