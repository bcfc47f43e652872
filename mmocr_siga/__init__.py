"""Glyph supervision for scene text recognisers, as a plugin of MMOCR.

Importing the package registers every component in ``mmocr.registry``. Where PyTorch or MMOCR is
missing it registers nothing, and :class:`mmocr_siga.apis.ONNXRecognizer` can be used all the same.
"""

from typing import Any

from .cli.start import is_command
from .compat.frameworks import missing_framework
from .version import __version__

__all__ = [
    '__version__',
    'compat',
    'datasets',
    'engine',
    'evaluation',
    'models',
    'register',
    'text',
    'visualization',
]


def register() -> None:
    """Import every component into MMOCR's registries. Safe to call more than once.

    Importing the package does this, but for ``python -m mmocr_siga``, which first looks at its
    arguments.
    """
    from .compat import dependencies

    dependencies.apply()

    # Everything below imports MMOCR, which the repairs above make possible.
    from . import datasets, engine, evaluation, models, text, visualization  # noqa: F401
    from .compat import checkpoint, cpu_launcher

    cpu_launcher.enable_cpu_launcher()
    checkpoint.register_loaders()


if not is_command() and missing_framework() is None:
    register()


def __getattr__(name: str) -> Any:
    """Where components were not registered for lack of PyTorch or MMOCR, say so."""
    missing = missing_framework() if name in __all__ else None
    if missing is not None:
        raise ImportError(f'mmocr_siga.{name} needs PyTorch and MMOCR ({missing}); without them '
                          'mmocr_siga.apis.ONNXRecognizer reads with exported recognisers')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
