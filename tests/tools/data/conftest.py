"""The tools of tools/data, imported by their names."""
import importlib.util
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[3] / 'tools' / 'data'


@pytest.fixture(scope='session')
def data_tool():
    """A function that imports a tool; registered, so that worker processes find its functions."""
    loaded = []

    def load(name):
        if name not in sys.modules:
            spec = importlib.util.spec_from_file_location(name, TOOLS / f'{name}.py')
            sys.modules[name] = importlib.util.module_from_spec(spec)
            loaded.append(name)
            spec.loader.exec_module(sys.modules[name])
        return sys.modules[name]

    yield load
    for name in loaded:
        del sys.modules[name]
