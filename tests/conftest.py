import os
import random
from pathlib import Path

# Idle threads of torch sleep instead of spinning: on a busy machine that is many times faster.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

import numpy as np
import pytest
import torch

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from mmocr.utils import register_all_modules  # isort: skip

REPO = Path(__file__).resolve().parents[1]


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
