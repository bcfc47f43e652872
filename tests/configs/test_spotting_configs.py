"""The configs in configs/spotting build what they promise."""
from pathlib import Path

import pytest
from mmengine.config import Config
from mmocr.registry import HOOKS, METRICS, MODELS, TRANSFORMS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'spotting'
NAMES = sorted(path.name for path in CONFIGS.glob('*.py'))


def config(name):
    return Config.fromfile(CONFIGS / name)


@pytest.mark.parametrize('name', NAMES)
def test_everything_builds(name):
    cfg = config(name)
    model = MODELS.build(cfg.model)
    assert type(model).__name__ == 'SIGASpotter'
    assert model.rec_head.decoder.dictionary.num_classes == 37
    assert model.rec_head.glyph_head is not None
    for transform in [*cfg.train_pipeline, *cfg.test_pipeline]:
        assert TRANSFORMS.build(transform) is not None
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)
    METRICS.build(cfg.test_evaluator)
    schedule = cfg.param_scheduler[-1]
    assert schedule.end == cfg.train_cfg.max_iters
    assert schedule.T_max == schedule.end - schedule.begin == schedule.end - cfg.warm_up


def test_tiny_reads_with_the_parts_of_siga_tiny():
    words = Config.fromfile(CONFIGS.parent / 'siga_tiny.py').model
    head = config('siga_spotter_tiny.py').model.rec_head
    for part in ('backbone', 'encoder', 'decoder', 'glyph_head'):
        assert head[part] == words[part]
    model = MODELS.build(config('siga_spotter_tiny.py').model)
    assert sum(p.numel() for p in model.parameters()) < 7_000_000


def test_the_overfit_recipe_tests_on_what_it_trains_on():
    cfg = config('siga_spotter_tiny_overfit.py')
    train, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
    for key in ('type', 'data_root', 'ann_file', 'part', 'test_count', 'split_seed', 'indices'):
        assert train[key] == test[key]
    assert len(train.indices) == 4 and train.part == 'train'
