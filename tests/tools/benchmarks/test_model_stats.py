from pathlib import Path

import pytest
import torch
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope='module')
def tool(script):
    return script('benchmarks/model_stats')


def test_the_input_is_that_of_the_test_pipeline(tool):
    for name, shape in (('siga_r', (32, 128)), ('siga_s', (48, 160))):
        cfg = Config.fromfile(ROOT / 'projects' / 'siga' / 'configs' / f'{name}.py')
        assert tool.input_shape(cfg) == shape
    assert tool.input_shape(Config(dict(test_pipeline=[dict(type='A')]))) == (32, 128)


def test_attention_is_counted(tool):
    """Scores and weighted sum: 2 heads, 5 x 5 pairs, 4 channels, twice, each a multiply-add."""
    query = torch.rand(1, 2, 5, 4)
    before = torch.backends.cuda.flash_sdp_enabled()
    attention = torch.nn.functional.scaled_dot_product_attention
    assert 1e9 * tool.gflops(lambda: attention(query, query, query), fused=True) == pytest.approx(
        2 * 2 * (2 * 5 * 5 * 4))
    assert torch.backends.cuda.flash_sdp_enabled() == before


def test_tiny(tool, capsys):
    assert tool.main([str(ROOT / 'configs' / 'siga_tiny.py')]) == 0
    assert '| 5.77 | 4.18 | 0.28' in capsys.readouterr().out
