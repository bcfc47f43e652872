"""tools/benchmarks/word_loading.py, run in this process for a moment."""
import mmap
import os
import re
import time
from pathlib import Path

import pytest

from mmocr_siga.rendering.fonts import bundled_font_dir


@pytest.fixture(scope='module')
def tool(script):
    return script('benchmarks/word_loading')


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


def test_stages_add_up(tool):
    class Busy:
        def __init__(self, seconds):
            self.seconds, self.calls = seconds, 0

        def __call__(self, item):
            self.calls += 1
            end = time.process_time() + self.seconds
            while time.process_time() < end:
                pass
            return item

    class Idle(Busy):
        pass

    slow, fast = Busy(0.01), Idle(0)
    stages = tool.time_stages([slow, fast], [dict(i=i) for i in range(3)], rounds=2, batch_size=2)
    assert [name for name, _ in stages] == ['Busy', 'Idle', 'a batch of them']
    assert slow.calls == fast.calls == 9  # a round before the two does not count
    assert stages[0][1] >= 0.06 > stages[1][1]


def test_table_of_stages_by_hand(tool):
    text = tool.stage_table([('A', 0.3), ('B', 0.1)], 1000).splitlines()
    assert text[2] == '| A | 300 | 75 % |' and text[3] == '| B | 100 | 25 % |'
    assert text[4] == '| all: 2,500 images/s of a core | 400 | 100 % |'


def test_stages_of_a_config(tool, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    assert tool.main(['--stages', '--words', '3', '--rounds', '1', '--batch-size', '2']) == 0
    out = capsys.readouterr().out
    assert '3 words drawn' in out
    names = [line.split(' | ')[0][2:] for line in out.splitlines() if line.startswith('| ')]
    assert names[2:5] == ['LoadWordImage', 'EnsureBGR', 'LoadOCRAnnotations']
    assert names[-1].startswith('all: ')


@pytest.mark.skipif(not Path('/proc/self/smaps_rollup').exists(), reason='needs Linux')
def test_memory(tool):
    before = tool.used_memory([os.getpid()])
    # Fresh pages: an array might reuse memory that was freed and is still the process's.
    with mmap.mmap(-1, 64 << 20) as block:
        # Page by page: bytes of the whole size would be counted too while they live.
        for start in range(0, len(block), mmap.PAGESIZE):
            block[start] = 1
        assert tool.used_memory([os.getpid()]) - before == pytest.approx(64, abs=8)
