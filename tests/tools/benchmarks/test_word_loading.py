"""tools/benchmarks/word_loading.py, run in this process for a moment."""
import mmap
import os
import re
import time
from pathlib import Path

import pytest
import word_loading as tool

from mmocr_siga.rendering.fonts import bundled_font_dir
from tests.helpers.ending import ended


def test_rows(tmp_path, capsys):
    options = ['--fonts', str(bundled_font_dir() / 'DejaVuSans.ttf'), '--batch-size', '4',
               '--seconds', '0', '--workers', '0', '1']
    assert tool.main(options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if re.match(r'\| [01] \|', line)]) == 2
    assert tool.Row(0, 100, 5.0, 2.0, (0, 0)).core_rate == 50
    assert tool.Row(2, 100, 5.0, None, (0, 0)).core_rate == 10
    pytest.importorskip('lmdb')
    assert ended(tool.main, ['--lmdb', str(tmp_path / 'gone')]) == 2
    assert 'no LMDB database' in capsys.readouterr().err


def test_stages(capsys, monkeypatch, tmp_path):
    seen = []

    def slow(item):
        seen.append(item)
        end = time.process_time() + 0.01
        while time.process_time() < end:
            pass
        return item

    (name, spent), (_, rest) = tool.time_stages([slow], [dict(i=i) for i in range(3)], 2, 2)
    assert len(seen) == 9  # a round before the two does not count
    assert name == 'function' and spent >= 0.06 > rest
    text = tool.stage_table([('A', 0.3), ('B', 0.1)], 1000).splitlines()
    assert text[2:] == ['| A | 300 | 75 % |', '| B | 100 | 25 % |',
                        '| all: 2,500 images/s of a core | 400 | 100 % |']
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    assert tool.main(['--stages', '--words', '3', '--batch-size', '2']) == 0
    out = capsys.readouterr().out
    names = [line.split(' | ')[0][2:] for line in out.splitlines() if line.startswith('| ')]
    assert '3 words drawn' in out and names[2:4] == ['LoadWordImage', 'EnsureBGR']
    assert names[-1].startswith('all: ')


@pytest.mark.skipif(not Path('/proc/self/smaps_rollup').exists(), reason='needs Linux')
def test_memory():
    before = tool.used_memory([os.getpid()])
    # Fresh pages: an array might reuse memory that was freed and is still the process's.
    with mmap.mmap(-1, 64 << 20) as block:
        # Page by page: bytes of the whole size would be counted too while they live.
        for start in range(0, len(block), mmap.PAGESIZE):
            block[start] = 1
        assert tool.used_memory([os.getpid()]) - before == pytest.approx(64, abs=8)
