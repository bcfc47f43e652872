import re

import pytest
from mmengine.config import Config
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmocr.registry import MODELS

from mmocr_siga.compat.slots import check_places
from tests.conftest import REPO

TINY, PLUGGED = 'configs/siga_tiny.py', 'configs/plugins/nrtr_tiny_plugged.py'
SEC, LOSS = dict(type='SECLoss'), dict(type='WordLoss')
A_PLUGIN = "It is a plug-in: give a PluggedRecognizer plugins=dict(name=dict(type='SECLoss', ...))"


@pytest.mark.parametrize('config, changes, message', [
    (TINY, {'decoder.module_loss': SEC}, "module_loss=dict(type='SECLoss') in the config of "
     f'SIGADecoder: SECLoss is no loss of a decoder. {A_PLUGIN}'),
    (TINY, dict(encoder=SEC), f'SECLoss is no encoder. {A_PLUGIN}'),
    (TINY, dict(encoder=dict(type='SIGADecoder', in_channels=8)),
     "SIGADecoder is no encoder. It belongs into decoder=dict(type='SIGADecoder', ...)"),
    (TINY, dict(data_preprocessor=dict(type='TPSRectifier')), 'TPSRectifier is no data prep'),
    (TINY, dict(glyph_head=LOSS), 'WordLoss is no glyph head. It is a loss'),
    (TINY, dict(plugins=dict(sec=SEC)), 'GlyphRecognizer takes no plugins: use the type Plugged'),
    (PLUGGED, dict(type='SARNet'), 'SARNet takes no plugins: use the type PluggedRecognizer'),
    (PLUGGED, dict(plugins=SEC), "has no name: write plugins=dict(name=dict(type='SECLoss'))"),
    (PLUGGED, dict(plugins=dict(sec=LOSS)), 'WordLoss is no plug-in. It is a loss'),
    (PLUGGED, {'decoder.module_loss': SEC}, 'in the config of NRTRDecoder: SECLoss is no loss'),
])
def test_what_stands_in_the_wrong_place_is_named(config, changes, message):
    config = Config.fromfile(REPO / config)
    for path, value in changes.items():
        *slots, last = ['model', *path.split('.')]
        node = config
        for slot in slots:
            node = node[slot]
        if isinstance(value, dict):
            node.pop(last, None)
        node[last] = value
    for registry in (MODELS, MMENGINE_MODELS):  # MMEngine's is the runner's
        with pytest.raises(ValueError, match=re.escape(message)):
            registry.build(dict(config.model, _scope_='mmocr'))


@pytest.mark.parametrize('config, message', [
    (LOSS, r"WordLoss: missing .* 'dictionary'\. It takes dictionary, .*It is a loss: as module_l"),
    (dict(SEC, max_seq_len=9), r"SECLoss: got .* 'max_seq_len'\. It takes loss_weight.* a plug-in"),
    (dict(type='SIGAEncoder', in_channels=8, depth=3), r"'depth'\. .* belongs into encoder=dict"),
])
def test_arguments_are_named(config, message):
    with pytest.raises(TypeError, match=message):
        MODELS.build(config)


@pytest.mark.parametrize('folder', ['configs', 'projects'])
def test_all_configs_pass(folder, monkeypatch):
    monkeypatch.setenv('SIGA_MISSING', 'skip')
    nodes = [Config.fromfile(path).get('model', {}) for path in (REPO / folder).rglob('*.py')
             if '_base_' not in path.parts and 'configs' in path.parts]
    assert nodes
    for node in nodes:  # grows by what is in each
        children = node.values() if isinstance(node, dict) else node
        nodes += [child for child in children if isinstance(child, (dict, list, tuple))]
        if isinstance(node, dict) and 'type' in node:
            check_places(MODELS, node)
