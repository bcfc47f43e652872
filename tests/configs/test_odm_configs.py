"""The configs of ODM: what is learned before fits what goes on from it, and the data are there."""
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import DATASETS, HOOKS, METRICS, MODELS

from mmocr_siga.rendering.fonts import bundled_font_dir
from tests.conftest import REPO

CONFIGS = REPO / 'configs' / 'odm'
BEFORE = dict(tiny='odm_tiny', r18='odm_r18', r50='odm_r50', lcnetv4='odm_lcnetv4')
LATER = sorted(path.stem for path in CONFIGS.glob('*_from_odm.py'))


def config(name):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    if cfg.model.backbone.get('init_cfg'):  # what would be downloaded
        for part in ('backbone', 'neck', 'det_head'):
            if part in cfg.model:
                cfg.model[part].init_cfg = None
    return cfg


@pytest.mark.parametrize('name', LATER)
def test_what_goes_on_fits(name):
    cfg = config(name)
    hook = cfg.default_hooks.warm_start
    size = next(size for size in BEFORE if size in name)
    assert f'work_dirs/{BEFORE[size]}/iter_{config(BEFORE[size]).train_cfg.max_iters}.pth' in (
        hook.checkpoint)
    assert HOOKS.build(hook)
    METRICS.build(cfg.test_evaluator)
    with torch.device('meta'):
        before, later = (MODELS.build(c.model) for c in (config(BEFORE[size]), cfg))
    before = {name: value.shape for name, value in before.state_dict().items()}
    for own, theirs in hook.parts.items():
        names = [name for name in later.state_dict() if name.startswith(own)]
        assert len(names) > 4
        for name in names:
            assert before[theirs + name[len(own):]] == later.state_dict()[name].shape


def test_the_losses_and_the_optimizer_are_the_papers():
    cfg = config('odm_r50')
    assert cfg.optim_wrapper.optimizer == dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999),
                                               weight_decay=0.1)
    assert cfg.param_scheduler[0].end == 10_000 and cfg.train_dataloader.batch_size == 32
    with torch.device('meta'):
        model = MODELS.build(dict(cfg.model, loss_glyph=None))
    weights = sum(p.numel() for p in model.parameters())
    # The reference has 59.1 million, learned positions and unused parts among them.
    assert 57e6 < weights < 59.1e6
    assert sum(p.numel() for p in model.backbone.parameters()) == pytest.approx(23.5e6, rel=.01)
    assert model.loss_ink.loss_weight == 1 and model.loss_contrast.loss_weight == .5


@pytest.mark.parametrize('name', ['odm_tiny', 'odm_r50'])
def test_the_data(name):
    cfg = config(name)
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        data = dict(loader.dataset, backgrounds=None, lexicon=None, length=2,
                    fonts=str(bundled_font_dir() / 'DejaVuSans.ttf'))
        sample = DATASETS.build(data)[0]
        assert sample['data_samples'].gt_plain.shape == sample['inputs'].shape[1:]
    assert cfg.train_dataloader.dataset.seed if 'seed' in cfg.train_dataloader.dataset else True
    assert cfg.test_dataloader.dataset.seed not in (0, None)
