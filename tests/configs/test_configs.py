"""The configs in configs/ build what they promise."""
from pathlib import Path

import pytest
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
    assert model.decoder.dictionary.num_classes == 37
    assert model.decoder.max_seq_len == 25
    for pipeline in (cfg.train_pipeline, cfg.test_pipeline):
        for transform in pipeline:
            assert TRANSFORMS.build(transform) is not None
    for hook in cfg.custom_hooks:
        HOOKS.build(hook)


def test_tiny_is_tiny_and_whole():
    model = MODELS.build(config('siga_tiny.py').model)
    assert sum(p.numel() for p in model.parameters()) <= 6_000_000
    assert {'aligner', 'segmentation', 'plain_decoder', 'glyph_readers', 'pseudo_labels',
            'loss_mask', 'loss_alignment', 'loss_glyph'} == {
                name for name, _ in model.glyph_head.named_children()}


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


@pytest.mark.parametrize('name', NAMES)
def test_the_mask_comes_after_geometry_and_before_photometry(name):
    order = [t['type'] for t in config(name).train_pipeline]
    mask = order.index('TextMask')
    assert order.index('RandomTextGeometry') < order.index('Resize') < mask
    assert mask < order.index('RandomTextDeterioration') and mask < order.index('RandomTextColor')
