"""tools/benchmarks/spared_waits.py takes out what it says, and nothing else."""
import json

import pytest
import spared_waits as spared
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer

from mmocr_siga.engine.hooks import DeferredRuntimeInfoHook
from mmocr_siga.engine.logging import DeferredHistory
from mmocr_siga.engine.optim.deferred_optim_wrapper import DeferredNormMixin
from mmocr_siga.models import WordDataPreprocessor
from tests.conftest import REPO
from tests.helpers.words import DICTIONARY, tiny_model


@pytest.fixture
def config(tmp_path, monkeypatch):
    """siga_tiny with a model of a few thousand weights, on drawn words."""
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    cfg = Config.fromfile(REPO / 'configs/siga_tiny.py')
    cfg.model = tiny_model('plain', data_preprocessor=dict(
        type='WordDataPreprocessor', mean=[127] * 3, std=[64] * 3), glyph_head=None)
    cfg.dictionary = dict(DICTIONARY)
    cfg.dump(tmp_path / 'small.py')
    return tmp_path / 'small.py'


def test_each_device_is_taken_out_by_itself(config, tmp_path, capsys, monkeypatch):
    made, norms = {}, {}
    build, clip = spared.Variant.__init__, DeferredNormMixin._clip_grad

    def noted(self, name, *args):
        build(self, name, *args)
        made[name] = self

    monkeypatch.setattr(spared.Variant, '__init__', noted)
    turn = spared.Variant.turn

    def watched(self, batches):
        spent = turn(self, batches)
        hub = self.runner.message_hub
        norms[self.name] = type(hub.log_scalars['train/grad_norm'])
        assert torch.Tensor.pin_memory is pinned and DeferredNormMixin._clip_grad is clip
        return spent

    pinned = torch.Tensor.pin_memory
    monkeypatch.setattr(spared.Variant, 'turn', watched)
    out = tmp_path / 'out.json'
    assert spared.main([str(config), '--batch', '2', '--steps', '1', '--repeats', '2',
                        '--precision', 'amp-bf16', '--json', str(out)]) == 0
    rows = {row['name']: row for row in json.loads(out.read_text())['rows']}
    assert set(rows) == {'all in place', 'without all', *(f'without {n}' for n in spared.DEVICES)}
    assert all(row['step_ms'] > 0 for row in rows.values())
    assert rows['all in place']['longer'] == [0, 0, 0]
    assert '| without byte images |' in capsys.readouterr().out
    for name, variant in made.items():
        deferred = any(isinstance(hook, DeferredRuntimeInfoHook) for hook in variant.runner.hooks)
        assert deferred == (name not in ('without deferred logging', 'without all'))
        ours = isinstance(variant.runner.model.data_preprocessor, WordDataPreprocessor)
        assert ours == (name not in ('without byte images', 'without all'))
        # Two turns of three steps that warm up and one that counts.
        assert variant.runner.iter == 2 * (spared.WARM_UP + 1)
        plain = name in ('without deferred norms', 'without all')
        assert norms[name] is (HistoryBuffer if plain else DeferredHistory)


def test_how_much_longer_is_taken_turn_by_turn():
    rows = spared.summary({spared.IN_PLACE: [1., 2., 4.], 'without x': [1.5, 2., 5.]})
    assert rows[1]['step_ms'] == 2000 and rows[1]['longer'] == [0.125, 0.25, 0.375]
    assert '| without x | 2000 | 25.0% (12.5% to 37.5%) |' in spared.table(rows)
