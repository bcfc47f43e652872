"""Scripts as modules: they are no package."""
import importlib
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def script():
    """A function that imports tools/<name>.py with its folder on the path, as when it is run.

    The module is registered, so that worker processes find its functions.
    """
    before = list(sys.path)

    def load(name):
        path = Path(__file__).parents[2] / 'tools' / name
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        return importlib.import_module(path.name)

    yield load
    sys.path[:] = before
