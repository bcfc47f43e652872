import random
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmocr_siga.engine.hooks import GlyphVisualizationHook
from mmocr_siga.engine.hooks import glyph_visualization_hook as module
from mmocr_siga.inference.explain import explain_batch
from mmocr_siga.visualization import draw_sample
from tests.conftest import REPO
from tests.helpers.words import tiny_model

LABELS = ('ab', 'c/d!', 'zz', '42', 'e', 'f')
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='EnsureBGR'),
    dict(type='Resize', scale=(128, 32)),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PackTextRecogInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
                                                'valid_ratio')),
]


@pytest.fixture
def words(tmp_path):
    """A table of six pictures."""
    for i, label in enumerate(LABELS):
        image = np.full((30, 90, 3), 255, np.uint8)
        cv2.putText(image, label, (8, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (40 * i, 0, 0), 2)
        cv2.imwrite(str(tmp_path / f'{i}.png'), image)
    (tmp_path / 'words.tsv').write_text(
        ''.join(f'{i}.png\t{label}\n' for i, label in enumerate(LABELS)))
    return tmp_path


class Watch(Hook):
    """Losses and modules' modes of a run, and one part that is to stay in evaluation mode."""

    def __init__(self):
        self.losses, self.modes = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        runner.model.backbone.eval()

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.losses.append(outputs['loss'].item())
        # Drawn from each generator: what a drawing takes from them would show.
        self.losses += [random.random(), np.random.rand(), float(torch.rand(1))]
        self.modes.append([m.training for m in runner.model.modules()])


def loader(folder, train, **changes):
    dataset = dict(type='WordTSVDataset', data_root=str(folder), ann_file='words.tsv',
                   test_mode=not train, pipeline=PIPELINE)
    sampler = dict(type='InfiniteSampler' if train else 'DefaultSampler', shuffle=train)
    return dict(batch_size=2, num_workers=0, sampler=sampler, dataset=dataset, **changes)


def run(folder, hook, name, backends=('LocalVisBackend', ), **changes):
    torch.manual_seed(0)
    watch = Watch()
    runner = Runner.from_cfg(Config({**dict(
        model=tiny_model(), default_scope='mmocr', experiment_name=f'{folder.name}_{name}',
        work_dir=str(folder / name), log_level='WARNING', randomness=dict(seed=3),
        train_dataloader=loader(folder, True), val_dataloader=loader(folder, False),
        test_dataloader=loader(folder, False),
        val_evaluator=dict(type='WordMetric', mode='exact'),
        test_evaluator=dict(type='WordMetric', mode='exact'),
        train_cfg=dict(by_epoch=False, max_iters=5, val_interval=100), val_cfg=dict(),
        test_cfg=dict(), optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
        visualizer=dict(type='GlyphVisualizer', name=f'{folder.name}_{name}',
                        vis_backends=[dict(type=backend) for backend in backends]),
        default_hooks=dict(checkpoint=None, logger=None, glyphs=hook)), **changes}))
    runner.register_hook(watch, 'LOWEST')
    runner.train()
    return runner, watch


def pictures(folder, name):
    return sorted(path.name for path in (folder / name).rglob('*.png'))


HOOK = dict(type='GlyphVisualizationHook', interval=2, num_words=2)


def test_a_run_draws_the_same_words_at_intervals_and_at_the_end(words):
    pytest.importorskip('tensorboard', reason='TensorBoard is not installed')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    runner, _ = run(words, HOOK, 'a', ('LocalVisBackend', 'TensorboardVisBackend'))
    # Two of six words: the middles of both halves.
    names = ('glyphs_0_c-d', 'glyphs_1_e')
    assert pictures(words, 'a') == sorted(f'{n}_{step}.png' for n in names for step in (2, 4, 5))
    events = EventAccumulator(str(next((words / 'a').rglob('events.*')).parent),
                              size_guidance=dict(images=0))
    events.Reload()
    assert sorted(events.Tags()['images']) == sorted(names)
    shown = events.Images(names[1])
    assert [image.step for image in shown] == [2, 4, 5]
    # The last sheet shows what the trained model reads.
    model = runner.model.eval()
    word = runner.val_dataloader.dataset[4]
    data = model.data_preprocessor(dict(inputs=[word['inputs']],
                                        data_samples=[word['data_samples']]), False)
    seen, = explain_batch(model, **data)
    want = draw_sample(seen.image, data['data_samples'][0], seen)
    logged = cv2.imdecode(np.frombuffer(shown[-1].encoded_image_string, np.uint8),
                          cv2.IMREAD_COLOR)
    for found in (cv2.imread(str(next((words / 'a').rglob('glyphs_1_e_5.png')))), logged):
        # Maps of another batch, rounded to gray levels; where two characters are as strong as each
        # other, either may color a pixel.
        assert (np.abs(found - want.astype(float)) > 2).mean() < 1e-4


@pytest.mark.parametrize('optimizer', ['OptimWrapper', 'AmpOptimWrapper'])
def test_the_training_does_not_notice(words, optimizer):
    changes = dict(optim_wrapper=dict(
        type=optimizer, constructor='DeferredOptimWrapperConstructor',
        optimizer=dict(type='SGD', lr=1e-3)))
    first, with_pictures = run(words, HOOK, 'with', **changes)
    second, without = run(words, dict(HOOK, enable=False), 'without', **changes)
    assert pictures(words, 'with') and not pictures(words, 'without')
    assert with_pictures.losses == pytest.approx(without.losses, rel=1e-5)
    assert with_pictures.modes == without.modes
    assert len(without.modes) == 5 and all(map(any, without.modes))
    assert not any(map(all, without.modes))  # the backbone's stay as they were set
    for key, value in first.model.state_dict().items():
        torch.testing.assert_close(value, second.model.state_dict()[key], msg=key)


def test_training_words_and_chosen_words(words):
    hook = dict(HOOK, split='train', indices=[3], interval=100)
    run(words, hook, 'a', val_cfg=None, val_dataloader=None, val_evaluator=None)
    assert pictures(words, 'a') == ['glyphs_0_42_5.png']


def test_mmocrs_hook_shows_everything_in_tests(words):
    runner, _ = run(words, dict(HOOK, interval=100), 'a', default_hooks=dict(
        checkpoint=None, logger=None, glyphs=dict(HOOK, interval=100), visualization=dict(
            type='VisualizationHook', enable=True, draw_gt=True, draw_pred=True)))
    runner.test()
    sheet = cv2.imread(str(next((words / 'a').rglob('3_1.png'))))  # second batch
    sample = runner.test_dataloader.dataset[3]['data_samples']
    picture = cv2.imread(str(words / '3.png'))
    seen = runner.visualizer.reader(picture)
    sample.pred_text = runner.model.test_step(
        dict(inputs=[runner.test_dataloader.dataset[3]['inputs']],
             data_samples=[sample.clone()]))[0].pred_text
    assert seen.glyph_maps
    want = draw_sample(picture, sample, seen)
    assert (np.abs(sheet - want.astype(float)) > 2).mean() < 1e-4


def test_only_the_first_process_draws_and_threads_do_not_outlive_it(words, monkeypatch):
    runner, _ = run(words, dict(HOOK, interval=100), 'a')
    hook = next(h for h in runner.hooks if isinstance(h, GlyphVisualizationHook))
    before, counts = cv2.getNumThreads(), []

    def drawn(*args):
        counts.append(cv2.getNumThreads())
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr(module, 'draw_sample', drawn)
    monkeypatch.setattr(module, 'is_main_process', lambda: False)
    hook.after_train_iter(SimpleNamespace(iter=99), 99)
    assert counts == []
    monkeypatch.setattr(module, 'is_main_process', lambda: True)
    # As a distributed training wraps it.
    wrapped = SimpleNamespace(model=torch.nn.DataParallel(runner.model), iter=99,
                              visualizer=runner.visualizer)
    hook.after_train_iter(wrapped, 99)
    # Threads of OpenCV would be missed by workers that are forked later.
    assert counts == [1, 1] and cv2.getNumThreads() == before


def test_nothing_happens_between_drawings():
    hook = GlyphVisualizationHook(interval=10)
    for i in range(9):
        hook.after_train_iter(SimpleNamespace(iter=i), i)  # a runner with nothing to look at


def test_wrong_arguments_are_named(words):
    for wrong in (dict(interval=0), dict(num_words=0), dict(split='test'), dict(parts=['masks']),
                  dict(parts='attention')):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            GlyphVisualizationHook(**wrong)
    with pytest.raises(ValueError, match="none: set split='train'"):
        run(words, HOOK, 'a', val_cfg=None, val_dataloader=None, val_evaluator=None)
    with pytest.raises(ValueError, match='6 words to draw, and no number 6, -1 among them'):
        run(words, dict(HOOK, indices=[0, 6, -1]), 'b')


def test_a_visualizer_without_backends_is_told():
    logged = []
    hook = GlyphVisualizationHook(num_words=1)
    hook.before_train(SimpleNamespace(
        val_loop=1, val_dataloader=SimpleNamespace(dataset=[dict(inputs=1, data_samples=2)]),
        visualizer=SimpleNamespace(), logger=SimpleNamespace(
            log=lambda level, text: logged.append(text))))
    assert 'no vis_backends' in logged[0]


@pytest.mark.parametrize('name', ['siga_tiny', 'siga_p_tiny', 'srn_tiny'])
def test_every_config_has_it_switched_off(name):
    cfg = Config.fromfile(REPO / 'configs' / f'{name}.py')
    assert cfg.visualizer.type == 'GlyphVisualizer'
    assert cfg.default_hooks.glyphs.type == 'GlyphVisualizationHook'
    assert cfg.default_hooks.glyphs.enable is False and cfg.default_hooks.timer
