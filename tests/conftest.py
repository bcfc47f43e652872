import os
import random
from pathlib import Path

# One thread, here and in the processes that tests start: sums do not depend on how work was shared
# out, and on a busy machine nobody waits for a thread that has no core.
os.environ['OMP_NUM_THREADS'] = '1'

import cv2
import numpy as np
import pytest
import torch
from hypothesis import settings

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from mmocr.utils import register_all_modules  # isort: skip

REPO = Path(__file__).resolve().parents[1]

torch.set_num_threads(1)
cv2.setNumThreads(0)

# The same examples in every run; `pytest --hypothesis-profile=search` looks for new ones.
settings.register_profile('suite', derandomize=True, deadline=None, max_examples=50, database=None)
settings.register_profile('search', deadline=None, max_examples=2000)
settings.load_profile('suite')


def pytest_runtest_setup(item):
    if item.get_closest_marker('cuda') and not torch.cuda.is_available():
        pytest.skip('no CUDA device')


@pytest.fixture(scope='session', autouse=True)
def _mmocr_scope():
    """Components are found by name as under MMOCR's own tools."""
    register_all_modules(init_default_scope=True)


@pytest.fixture(autouse=True)
def _seeds():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def siga_data() -> Path:
    """Folder with real words, from ``SIGA_DATA``; tests that ask for it skip where it is not."""
    path = Path(os.environ.get('SIGA_DATA', REPO.parent / 'shared' / 'data'))
    if not (path / 'real').is_dir():
        pytest.skip(f'no real words at {path}: set SIGA_DATA to a folder that holds real/')
    return path
