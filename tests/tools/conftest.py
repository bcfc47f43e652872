"""Tools import each other from their own folder, as when they are run."""
import sys
from pathlib import Path

# A train.py is in benchmarks/ and in tools/ itself.
sys.path += [str(Path(__file__).parents[2] / 'tools' / name)
             for name in ('analysis', 'benchmarks', 'experiments', 'gpu', '')]
