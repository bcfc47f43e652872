"""tools/checkpoints/publish_checkpoint.py."""
import hashlib

import pytest
import torch

from tools.checkpoints import publish_checkpoint as tool


@pytest.mark.parametrize('options, kept', [
    ([], {'backbone.w', 'plugins.glyph.w'}), (['--without-plugins'], {'backbone.w'})])
def test_what_is_left(tmp_path, capsys, options, kept):
    names = ('backbone.w', 'plugins.glyph.w', 'glyph_head.w')
    source, target = tmp_path / 'full.pth', tmp_path / 'small.pth'
    torch.save(dict(state_dict={n: torch.ones(2) for n in names}, optimizer={}), source)
    assert tool.main([str(source), str(target), *options]) == 0
    left = torch.load(target, weights_only=True)
    assert set(left['state_dict']) == kept and 'optimizer' not in left
    assert f'{len(kept)} tensors' in capsys.readouterr().out
    total, name = (tmp_path / 'small.pth.sha256').read_text().split()
    assert total == hashlib.sha256(target.read_bytes()).hexdigest() and name == 'small.pth'
