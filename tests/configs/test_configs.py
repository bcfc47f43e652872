"""The configs in configs/ build what they promise."""
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmocr.registry import HOOKS, MODELS, TRANSFORMS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
NAMES = sorted(path.name for path in CONFIGS.glob('*.py'))


def config(name):
    return Config.fromfile(CONFIGS / name)


@pytest.mark.parametrize('name', NAMES)
def test_model_pipelines_and_hooks_build(name):
    cfg = config(name)
    model = MODELS.build(cfg.model)
    # The end token is a class.
    assert model.decoder.dictionary.num_classes == (95 if 'release' in name else 37)
    assert model.decoder.max_seq_len == 25
    for pipeline in (cfg.train_pipeline, cfg.test_pipeline):
        for transform in pipeline:
            assert TRANSFORMS.build(transform) is not None
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)


@pytest.mark.parametrize('name', ['siga_tiny.py', 'siga_p_tiny.py', 'srn_tiny.py'])
def test_small_configs_are_small(name):
    model = MODELS.build(config(name).model)
    assert sum(p.numel() for p in model.parameters()) <= 6_000_000


def test_the_baseline_has_no_glyphs():
    model = MODELS.build(config('siga_tiny_baseline.py').model)
    assert model.glyph_head is None and model.encoder.pyramid is None
    assert not any('glyph' in name for name, _ in model.named_parameters())


def test_the_main_config_follows_the_reference():
    cfg = config('siga_r31.py')
    assert cfg.model.backbone.type == 'ResNet31OCR'
    assert cfg.optim_wrapper.optimizer.type == 'Adam'
    assert cfg.optim_wrapper.clip_grad.max_norm == 5
    scheduler = cfg.param_scheduler[0]
    assert (scheduler.eta_max, scheduler.div_factor, scheduler.final_div_factor) == (
        4.5e-4, 20, 1000)
    assert scheduler.total_steps == cfg.train_cfg.max_iters
    assert list(cfg.train_dataloader.dataset.dataset.datasets)[-1] == 'SynthText'
    assert list(cfg.test_dataloader.dataset.datasets) == cfg.test_evaluator.dataset_prefixes
    assert len(cfg.test_evaluator.dataset_prefixes) == 6


@pytest.mark.parametrize('size', ['tiny', 'tiny_easy', 'tiny_mixed', 'r31'])
def test_siga_p_differs_from_siga_in_the_decoder_alone(size):
    siga, parallel = config(f'siga_{size}.py').to_dict(), config(f'siga_p_{size}.py').to_dict()
    decoder = parallel['model'].pop('decoder')
    assert decoder['type'] == 'SIGAParallelDecoder'
    assert decoder['dictionary'] == siga['model'].pop('decoder')['dictionary']
    for cfg in (siga, parallel):
        cfg['default_hooks'].pop('warm_start', None)
    assert parallel == siga


@pytest.mark.parametrize('size', ['tiny', 'tiny_easy', 'tiny_mixed'])
def test_srn_trains_on_what_siga_trains_on(size):
    siga, srn = config(f'siga_{size}.py').to_dict(), config(f'srn_{size}.py').to_dict()
    for cfg in (siga, srn):
        cfg['default_hooks'].pop('warm_start', None)
    assert srn['model']['decoder']['type'] == 'SRNDecoder' and 'glyph_head' not in srn['model']
    assert dict(srn, model=siga['model']) == siga


@pytest.mark.parametrize('name', ['siga_tiny', 'siga_p_tiny', 'srn_tiny', 'siga_tiny_baseline'])
def test_the_second_stage_starts_from_the_first(name):
    cfg = config(f'{name}_mixed.py')
    last = config(f'{name}_easy.py').train_cfg.max_iters
    assert cfg.default_hooks.warm_start.type == 'WarmStartHook'
    assert f'work_dirs/{name}_easy/iter_{last}.pth' in cfg.default_hooks.warm_start.values()
    # A file named there would be what --resume goes back to.
    assert cfg.load_from is None


def test_data_are_below_one_root(monkeypatch):
    monkeypatch.setenv('SIGA_DATA', '/root')
    for name in NAMES:
        places = sources(config(name).train_dataloader.dataset)
        assert places and all(place.startswith('/root/') for place in places), name


def sources(data):
    """Where a data set and all within it lie."""
    if isinstance(data, (list, tuple)):
        return [place for member in data for place in sources(member)]
    if not isinstance(data, dict):
        return []
    if 'ann_file' in data:
        return [data.get('data_root') or data['ann_file']]
    return [place for value in data.values() for place in sources(value)]


def test_srn_follows_the_paper():
    cfg = config('srn_r50_fpn.py')
    assert cfg.optim_wrapper == dict(type='OptimWrapper',
                                     constructor='DeferredOptimWrapperConstructor',
                                     optimizer=dict(type='Adam', lr=1e-4),
                                     clip_grad=dict(max_norm=10))
    assert cfg.train_dataloader.batch_size == 64
    for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
        types = {t['type']: t for t in loader.dataset.pipeline}
        assert types['Resize']['scale'] == (256, 64) and 'TextMask' not in types
    model = MODELS.build(cfg.model).eval()
    loss = model.decoder.module_loss
    assert loss.weights == dict(word_visual=1.0, word_semantic=0.15, word=2.0)
    assert loss.ask_behind_end and model.decoder.gsrm.end_idx is None
    assert [len(t.layers) for t in (model.decoder.pvam.encoder, model.decoder.gsrm.left,
                                    model.decoder.gsrm.right)] == [2, 4, 4]
    with torch.no_grad():
        assert model.encoder(model.extract_feat(torch.zeros(1, 3, 64, 256))).shape == (
            1, 512, 8, 32)


@pytest.mark.parametrize('name', [n for n in NAMES if n != 'srn_r50_fpn.py'])
def test_the_mask_comes_after_geometry_and_before_photometry(name):
    order = [t['type'] for t in config(name).train_pipeline]
    mask = order.index('TextMask')
    assert order.index('RandomTextGeometry') < order.index('Resize') < mask
    assert mask < order.index('RandomTextDeterioration') and mask < order.index('RandomTextColor')
