"""tools/checkpoints/convert_dictionary.py."""

import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.helpers.ending import ended
from tools.checkpoints import convert_dictionary as tool

CONFIG = REPO / 'configs' / 'siga_p_tiny.py'


def test_a_checkpoint_is_widened(tmp_path, monkeypatch, capsys):
    model = MODELS.build(Config.fromfile(CONFIG).model)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'a.pth')
    monkeypatch.setenv('SIGA_DICT', '94')
    out = tmp_path / 'new' / 'b.pth'
    assert tool.main([str(CONFIG), str(tmp_path / 'a.pth'), str(out), '--from', '36']) == 0
    assert '95 classes' in capsys.readouterr().out
    wide = MODELS.build(Config.fromfile(CONFIG).model)
    wide.load_state_dict(torch.load(out, weights_only=True)['state_dict'])


@pytest.mark.parametrize('weights, source, message', [
    (None, '36', 'a.pth'), (dict(state_dict=dict(w=torch.ones(1))), '36', 'another model')])
def test_what_cannot_be_converted(tmp_path, capsys, weights, source, message):
    if weights is not None:
        torch.save(weights, tmp_path / 'a.pth')
    out = tmp_path / 'b.pth'
    assert ended(tool.main, [str(CONFIG), str(tmp_path / 'a.pth'), str(out), '--from', source]) == 2
    assert message in capsys.readouterr().err and not out.exists()
