"""Pictures while pre-training, and the training itself: half precision, resuming."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS  # noqa: F401

from mmocr_siga.rendering.fonts import bundled_font_dir
from mmocr_siga.visualization import draw_destylised
from tests.conftest import REPO
from tests.helpers.odm import tiny_odm
from tests.helpers.toy_run import PlainConfig, build

SANS = str(bundled_font_dir() / 'DejaVuSans.ttf')


def run(folder, name, steps, amp=False, resume=False, hook=False):
    """Steps of the recipe with a model of a few thousand weights; the runner."""
    cfg = Config.fromfile(REPO / 'configs/odm/odm_tiny.py').to_dict()
    pipeline = [dict(t, size=(64, 64)) if t['type'] == 'RandomSceneWindow' else t
                for t in cfg['train_pipeline']]
    data = dict(cfg['train_dataloader']['dataset'], backgrounds=None, lexicon=None, fonts=SANS,
                length=100, size=(96, 96), signs=(1, 2), cap_height=(8, 14), difficulty='easy',
                pipeline=pipeline)
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader', 'test_evaluator',
                'test_cfg'):
        del cfg[key]
    hooks = dict(cfg['default_hooks'], checkpoint=dict(type='CheckpointHook', by_epoch=False,
                                                       interval=2))
    hooks['glyphs'] = dict(hooks['glyphs'], enable=hook, interval=2, num_words=2)
    cfg.update(
        work_dir=str(folder / name), experiment_name=f'{folder.name}_{name}_{steps}_{resume}',
        model=tiny_odm(neck=True, loss_glyph=dict(type='GlyphPerceptualLoss', network=dict(
            type='GlyphUNet', channels=(4, 8)))), log_level='WARNING', randomness=dict(seed=1),
        train_dataloader=dict(cfg['train_dataloader'], batch_size=2, num_workers=0,
                              persistent_workers=False, dataset=data),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=steps, val_interval=100),
        default_hooks=hooks,
        visualizer=dict(cfg['visualizer'], name=f'{folder.name}_{name}_{steps}_{resume}'))
    if amp:
        cfg['optim_wrapper'].update(type='AmpOptimWrapper', dtype='bfloat16')
    runner = build(PlainConfig(cfg), resume=resume)
    runner.train()
    return runner


def test_pictures_resuming_and_half_precision(tmp_path):
    torch.set_num_threads(1)
    whole = run(tmp_path, 'whole', 4, hook=True)
    names = sorted(path.name for path in (tmp_path / 'whole').rglob('odm_*.png'))
    assert names == [f'odm_{i}_{step}.png' for i in (0, 1) for step in (2, 4)]
    run(tmp_path, 'parts', 2)
    resumed = run(tmp_path, 'parts', 4, resume=True)
    for (name, a), b in zip(whole.model.state_dict().items(),
                            resumed.model.state_dict().values()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, msg=name)
    half = run(tmp_path, 'half', 2, amp=True)
    assert all(p.isfinite().all() for p in half.model.parameters())


@pytest.mark.parametrize('texts', [[], ['word'], [f'word{i}' for i in range(40)]])
def test_the_sheet(texts):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (60, 90, 3), np.uint8)
    drawn, target = rng.random((60, 90)), rng.integers(0, 255, (60, 90), np.uint8)
    sheet = draw_destylised(image, texts, [False] * len(texts), drawn, target)
    assert sheet.shape == (60, 3 * 90 + 170 + 3 * 12, 3)
    np.testing.assert_array_equal(sheet[:, :90], image)
    np.testing.assert_array_equal(sheet[:, -90:, 0], np.round(255 * drawn))
    np.testing.assert_array_equal(sheet[:, -192:-102, 1], target)
    assert (sheet[:, 102:272] < 200).any()
    assert draw_destylised(image, texts, [True] * len(texts), drawn).shape[1] == 2 * 90 + 170 + 24
