"""Scripts as modules: they are no package."""
import importlib
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / 'tools' / 'benchmarks'


@pytest.fixture(scope='session')
def benchmark():
    """Import a script of tools/benchmarks by name, with its neighbours."""
    sys.path.insert(0, str(BENCHMARKS))  # as for a script: it shares with its neighbours
    yield importlib.import_module
    sys.path.remove(str(BENCHMARKS))
