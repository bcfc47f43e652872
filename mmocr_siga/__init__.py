"""Glyph supervision for scene text recognizers, as a plugin of MMOCR.

Importing the package imports neither PyTorch nor MMOCR: from then on MMOCR's registries find every
component of ours. Where those are missing, :class:`mmocr_siga.apis.ONNXRecognizer` works all the
same.
"""
from typing import Any

from .compat import import_hook
from .compat.dependencies import check, import_component
from .version import __version__

_COMPONENTS = ('datasets', 'engine', 'evaluation', 'models', 'text', 'visualization')

__all__ = ['__version__', 'register']

import_hook.install()


def register() -> None:
    """Import every component into MMOCR's registries now, instead of at the first use.

    Raises:
        ImportError: If a package is missing or does not fit; says what to install.
    """
    check()
    for name in _COMPONENTS:
        import_component(f'{__name__}.{name}')


def __getattr__(name: str) -> Any:
    """Submodules are imported when they are first asked for."""
    if name in (*_COMPONENTS, 'apis'):
        return import_component(f'{__name__}.{name}')
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
