"""The paper's models: they build, learn and read on tiny batches, and follow the paper."""
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.runner import Runner
from mmocr.registry import HOOKS, MODELS, TRANSFORMS

from mmocr_siga.compat.configs import find_config
from tests.helpers import siga_r_reference
from tests.helpers.readers import word_picture
from tests.helpers.word_sets import write_json, write_lmdb

CONFIGS = Path(__file__).resolve().parents[2] / 'projects' / 'siga' / 'configs'
SIZES = dict(siga_r=(32, 128), siga_s=(48, 160), siga_t=(32, 128))
WORDS = ('Word', '42')


def config(name):
    if name == 'siga_t':
        pytest.importorskip('timm', reason='SIGA_T needs timm')
    return Config.fromfile(CONFIGS / f'{name}.py')


def metafile():
    return yaml.safe_load((CONFIGS.parent / 'metafile.yml').read_text())


def small_batch(cfg):
    """Two drawn words through the training pipeline of a config."""
    np.random.seed(0)
    pipeline = Compose([TRANSFORMS.build(t) for t in cfg.train_pipeline
                        if t['type'] != 'LoadWordImage'])
    packed = []
    for text in WORDS:
        image = word_picture(text, (40, 30 * len(text)))
        packed.append(pipeline(dict(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2],
                                    img_path='drawn', instances=[dict(text=text)])))
    return pseudo_collate(packed)


@pytest.mark.parametrize('name', SIZES)
def test_it_trains_two_steps_and_reads(name):
    cfg = config(name)
    torch.manual_seed(0)
    model = MODELS.build(cfg.model).train()
    stated = next(m for m in metafile()['Models'] if m['Name'] == name)['Metadata']
    whole = sum(p.numel() for p in model.parameters())
    head = sum(p.numel() for p in model.glyph_head.parameters())
    assert (stated['Parameters'], stated['Parameters to read']) == (whole, whole - head)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    batch = small_batch(cfg)
    assert all(tuple(x.shape[-2:]) == SIZES[name] for x in batch['inputs'])
    for part in (slice(None), slice(1)):  # two words, then one
        data = model.data_preprocessor({k: v[part] for k, v in batch.items()}, True)
        losses = model(**data, mode='loss')
        assert len(losses) == 12 and all(torch.isfinite(v) for v in losses.values())
        optimizer.zero_grad()
        sum(losses.values()).backward()
        assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
    model.eval()
    with torch.no_grad():
        got = model(**model.data_preprocessor(batch, False), mode='predict')
    assert len(got) == 2 and all(isinstance(s.pred_text.item, str) for s in got)
    height, width = SIZES[name]
    with torch.no_grad():
        encoding = model.encoder(model.extract_feat(torch.zeros(1, 3, height, width)))
    scales = dict(coarse=(6, 40), fine=(12, 40)) if name == 'siga_s' else dict(
        coarse=(8, 32), fine=(16, 64))
    assert {s: tuple(m.shape[1:]) for s, m in encoding.glyph_maps.items()} == {
        s: (27, *size) for s, size in scales.items()}
    assert encoding.context.shape[1:] == (scales['coarse'][1], 256)


@pytest.mark.parametrize('name', SIZES)
def test_pipelines_hooks_and_schedule(name):
    cfg = config(name)
    height, width = SIZES[name]
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        assert [t.scale for t in loader.dataset.pipeline if t.type == 'Resize'] == [(width, height)]
    order = [t.type for t in cfg.train_pipeline]
    assert order.index('RandomTextGeometry') < order.index('Resize') < order.index('TextMask')
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)
    assert cfg.optim_wrapper.clip_grad.max_norm == 5
    steps = cfg.param_scheduler[0].get('T_max') or cfg.param_scheduler[0].total_steps
    assert steps == cfg.train_cfg.max_iters == (300_000 if name == 'siga_t' else 160_000)


def test_the_model_index_names_what_is_there():
    root = CONFIGS.parents[2]
    index = yaml.safe_load((root / 'model-index.yml').read_text())
    assert index['Import'] == ['configs/metafile.yml', 'projects/siga/metafile.yml']
    models = metafile()['Models']
    assert {f'{name}.py' for name in SIZES} == {path.name for path in CONFIGS.glob('*.py')}
    listed = [m for path in index['Import']
              for m in yaml.safe_load((root / path).read_text())['Models']]
    assert all(find_config(model['Name']).name == Path(model['Config']).name for model in listed)
    readme = (CONFIGS.parent / 'README.md').read_text()
    for model in models[:3]:
        row = ' | '.join(f'{v:.1f}' for v in model['Metadata']['Published'].values())
        assert f'| SIGA_{model["Name"][-1].upper()} | {row} |' in readme


def test_what_the_paper_says_of_each():
    r, s, t = (Config.fromfile(CONFIGS / f'{name}.py') for name in SIZES)
    for cfg in (r, s):
        assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=4.5e-4)
        assert cfg.model.preprocessor.num_points == 20
        assert cfg.custom_hooks[0].schedule['glyph_head.loss_alignment.loss_weight'] == {20000: 0.3}
        assert cfg.model.glyph_head.loss_alignment.loss_weight == 1.0
    assert not r.model.encoder.column_context
    assert t.optim_wrapper.optimizer == dict(type='Adadelta', lr=1.0)
    assert t.param_scheduler[0].type == 'CosineAnnealingLR'
    assert t.model.glyph_head.loss_alignment.loss_weight == 0.15
    assert 'glyph_head.loss_alignment.loss_weight' not in t.custom_hooks[0].schedule
    assert t.model.preprocessor is None


MJ, ST = 'training/MJ/MJ_', 'training/ST'


@pytest.mark.parametrize('form, there, expected', [
    ('json', ['mjsynth', 'synthtext'], ['mjsynth', 'synthtext'] * 4),
    # The three parts of MJSynth are one half, however many of them are there.
    ('lmdb', [MJ + 'train', MJ + 'valid', MJ + 'test', ST], ['MJ', 'ST'] * 4),
    ('lmdb', [MJ + 'valid', ST], ['MJ', 'ST'] * 4),
    ('lmdb', [ST], ['ST'] * 8)])
def test_siga_t_takes_both_data_sets_in_turn(form, there, expected, monkeypatch, tmp_path):
    for path in there:
        if form == 'json':
            write_json(tmp_path / path / 'textrecog_train.json', ['ab', 'c'])
        else:
            write_lmdb(tmp_path / path, ['ab', 'c'])
    for name, value in (('DATA', tmp_path), ('BENCHMARK_FORM', form), ('MISSING', 'skip')):
        monkeypatch.setenv(f'SIGA_{name}', str(value))
    loader = Config.fromfile(CONFIGS / 'siga_t.py').train_dataloader
    loader.update(batch_size=8, num_workers=0, persistent_workers=False, pin_memory=False)
    loader = Runner.build_dataloader(loader, seed=0)
    samples = next(iter(loader))['data_samples']
    assert [name for sample in samples for name in set(expected) if f'/{name}' in sample.img_path
            ] == expected
    assert all('gt_text_mask' in sample for sample in samples)


def test_weights_of_siga_r_are_those_of_the_reference():
    """Less a layer that only its training has and the biases that a normalization takes up."""
    sizes = dict(eval=0, train=0)
    for key, (shape, role) in siga_r_reference.reference_keys().items():
        if 'running_' not in key and 'num_batches' not in key:
            sizes[role] += math.prod(shape)
    assert sum(sizes.values()) == 46_598_019 and sizes['eval'] == 39_796_717
    # That the config has as many is tested above.
    stated = next(m for m in metafile()['Models'] if m['Name'] == 'siga_r')['Metadata']
    assert stated['Parameters to read'] == sizes['eval'] - (256 + 4 * 128)
    assert stated['Parameters'] == sum(sizes.values()) - (256 + 6 * 128) - (256 * 512 + 256)
