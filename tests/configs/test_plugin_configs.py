"""Every config in configs/plugins/ trains its base recognizer on words.

Recognizers are as large as configured; only images and batches are small.
"""
import re

import cv2
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.helpers.mmocr_models import mmocr_config
from tests.helpers.readers import word_picture
from tests.helpers.words import sample

CONFIGS = REPO / 'configs' / 'plugins'
NAMES = sorted(p.stem for p in CONFIGS.glob('*.py'))
# Weights of the recognizer's attention that the alignment moves.
ATTENTION = dict(sar='decoder.conv1x1_2.weight', aster='decoder.proj_sum.weight',
                 nrtr='decoder.layer_stack.5.enc_attn.linear_k.weight',
                 satrn='decoder.layer_stack.5.enc_attn.linear_k.weight')
LOSSES = {'loss_mask', 'loss_orthogonality', 'loss_coverage',
          'loss_glyph_fine', 'loss_glyph_coarse'}


@pytest.fixture(scope='module')
def words(tmp_path_factory):
    """Two drawn words and their texts."""
    folder, out = tmp_path_factory.mktemp('words'), []
    for text, width in (('Glyph', 110), ('12', 50)):
        out.append((str(folder / f'{text}.png'), text))
        cv2.imwrite(out[-1][0], word_picture(text, (40, width)))
    return out


def batch(cfg, model, words):
    """What the config's pipeline makes of words, as the model takes it."""
    pipeline = Compose(cfg.train_pipeline)
    packed = [pipeline(dict(img_path=path, instances=[dict(text=text)], img_shape=(1, 1)))
              for path, text in words]
    return model.data_preprocessor(pseudo_collate(packed), True)


def narrow(data, width):
    """The left part of images: as much of a recognizer as of the whole, in less time."""
    data['inputs'] = data['inputs'][..., :width]
    for word in data['data_samples']:
        ratio = min(1.0, word.valid_ratio * word.img_shape[1] / width)
        word.set_metainfo(dict(valid_ratio=ratio, img_shape=(*word.img_shape[:1], width)))
    return data


@pytest.mark.parametrize('name', [n for n in NAMES if n.endswith('_glyph')])
def test_glyph_supervision_moves_the_attention(name, words):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    model = MODELS.build(cfg.model).train()
    # Images of 80 columns reach every layer of recognizers that would take seconds for 160.
    losses = model(**narrow(batch(cfg, model, words), 40 if name == 'satrn_glyph' else 80),
                   mode='loss')
    assert all(loss.isfinite().all() for loss in losses.values())
    assert set(losses) >= LOSSES and 'loss_sec' not in losses
    moved = gradients(model, losses['loss_orthogonality'] + losses['loss_coverage'])
    assert ATTENTION[name.split('_')[0]] in moved
    # The alignment has no weights of its own.
    assert not any(n.startswith('plugins.') for n in moved)
    assert any(n.startswith('backbone.') for n in moved)


@pytest.mark.parametrize('name', [n for n in NAMES if n.endswith('_plugged')])
def test_both_plug_ins_take_a_step(name, words):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    model = MODELS.build(cfg.model).train()
    losses = model(**batch(cfg, model, words), mode='loss')
    assert set(losses) >= LOSSES | {'loss_sec'}
    moved = gradients(model, sum(loss.mean() for loss in losses.values()))
    assert all(p.grad is not None for p in model.plugins.parameters())
    assert any(n.startswith('backbone.') for n in moved)


def test_coverage_moves_the_attention(words):
    cfg = Config.fromfile(CONFIGS / 'nrtr_coverage.py')
    model = MODELS.build(cfg.model).train()
    data = narrow(batch(cfg, model, words), 80)
    assert model(**data, mode='loss')['loss_repetition'].item() == 0  # it starts late
    model.plugins['coverage'].start = 0
    moved = gradients(model, model(**data, mode='loss')['loss_repetition'])
    assert ATTENTION['nrtr'] in moved and any(n.startswith('backbone.') for n in moved)


def gradients(model, loss):
    """Weights that a loss moves, all of them finite."""
    loss.backward()
    weights = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    assert all(grad.isfinite().all() for grad in weights.values())
    return {n for n, grad in weights.items() if grad.any()}


@pytest.mark.parametrize('name', [n for n in NAMES if n.endswith(('_glyph', '_coverage'))])
def test_it_states_only_what_differs(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    base = re.search(r"'mmocr::textrecog/(.*)'", (CONFIGS / f'{name}.py').read_text()).group(1)
    assert cfg.pop('custom_imports')['imports'] == ['mmocr_siga']
    assert cfg.model.type == 'PluggedRecognizer'
    assert cfg.optim_wrapper.pop('constructor') == 'DeferredOptimWrapperConstructor'
    ours, theirs = cfg.to_dict(), Config.fromfile(mmocr_config(base)).to_dict()
    for config in (ours, theirs):
        drop_scopes(config)
        config['model'].pop('plugins', None)
        config['model'].pop('type')
        config['optim_wrapper'].pop('constructor', None)
    assert ours == theirs


def drop_scopes(value):
    """MMEngine marks what comes from a config of another package with ``_scope_``."""
    if isinstance(value, dict):
        value.pop('_scope_', None)
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, (dict, list, tuple)):
            drop_scopes(inner)


@pytest.mark.parametrize('name', ['sar_tiny', 'nrtr_tiny'])
def test_small_recognizers_are_small(name):
    model = MODELS.build(Config.fromfile(CONFIGS / f'{name}.py').model).eval()
    assert sum(p.numel() for p in model.parameters()) < 3_000_000
    # 36 characters, start and end in one, padding.
    assert model.decoder.dictionary.num_classes == 38
    probabilities = model(torch.zeros(1, 3, 32, 128), [sample('')], mode='tensor')
    # Start, 25 characters and end.
    assert probabilities.shape == (1, 27, 38)
