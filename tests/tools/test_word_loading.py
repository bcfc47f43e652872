"""tools/benchmarks/word_loading.py, run in this process for a moment."""
import importlib.util
import mmap
import os
import re
import sys
from pathlib import Path

import pytest

from mmocr_siga.datasets.rendering.fonts import bundled_font_dir

TOOL = Path(__file__).parents[2] / 'tools' / 'benchmarks' / 'word_loading.py'


@pytest.fixture(scope='module')
def tool():
    spec = importlib.util.spec_from_file_location('word_loading', TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules['word_loading'] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules['word_loading']


def test_rows(tool, capsys):
    options = ['--fonts', str(bundled_font_dir() / 'DejaVuSans.ttf'), '--batch-size', '4',
               '--seconds', '0', '--workers', '0', '1']
    assert tool.main([*options, '--step-rate', '100']) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if re.match(r'\| [01] \|', line)]
    assert len(rows) == 2
    assert 'training alone: 100 images/s' in lines[-1]


def test_a_database_that_is_missing(tool, tmp_path, capsys):
    pytest.importorskip('lmdb')
    assert tool.main(['--lmdb', str(tmp_path / 'gone')]) == 2
    assert 'no LMDB database' in capsys.readouterr().err


def test_verdict_by_hand(tool):
    # 100 images a second at 200 a core: half a core; two cores then share 2.5 cores of work.
    text = tool.verdict(200, 100, 2)
    assert 'takes 0.50 cores' in text and 'at 80 %' in text and 'with 1 more' in text
    assert 'with 3 more' in tool.verdict(40, 100, 2)


def test_core_rates(tool):
    assert tool.Row(0, 100, 5.0, 2.0, (0, 0)).core_rate == 50
    assert tool.Row(2, 100, 5.0, None, (0, 0)).core_rate == 10


@pytest.mark.skipif(not Path('/proc/self/smaps_rollup').exists(), reason='needs Linux')
def test_memory(tool):
    before = tool.used_memory([os.getpid()])
    # Fresh pages: an array might reuse memory that was freed and is still the process's.
    with mmap.mmap(-1, 64 << 20) as block:
        block.write(b'1' * len(block))
        assert tool.used_memory([os.getpid()]) - before == pytest.approx(64, abs=8)
