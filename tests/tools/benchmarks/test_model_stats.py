from pathlib import Path

import model_stats as tool
from mmengine.config import Config

ROOT = Path(__file__).resolve().parents[3]


def test_the_input_is_that_of_the_test_pipeline():
    for name, shape in (('siga_r', (32, 128)), ('siga_s', (48, 160))):
        cfg = Config.fromfile(ROOT / 'projects' / 'siga' / 'configs' / f'{name}.py')
        assert tool.input_shape(cfg) == shape
    assert tool.input_shape(Config(dict(test_pipeline=[dict(type='A')]))) == (32, 128)


def test_tiny(capsys):
    assert tool.main([str(ROOT / 'configs' / 'siga_tiny.py')]) == 0
    assert '| 5.77 | 4.18 | 0.28' in capsys.readouterr().out
