import random
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.engine.hooks import GlyphVisualizationHook
from mmocr_siga.engine.hooks import glyph_visualization_hook as module
from mmocr_siga.inference.explain import explain_batch
from mmocr_siga.visualization import draw_sample
from tests.helpers.readers import PIPELINE, word_picture
from tests.helpers.toy_run import EachStep, build, toy_config
from tests.helpers.words import tiny_model

LABELS = ('ab', 'c/d!', 'zz', '42', 'e', 'f')
HOOK = dict(type='GlyphVisualizationHook', interval=2, num_words=2)
UNVALIDATED = dict(val_cfg=None, val_dataloader=None, val_evaluator=None)


@pytest.fixture
def words(tmp_path):
    """A table of six pictures."""
    for i, label in enumerate(LABELS):
        cv2.imwrite(str(tmp_path / f'{i}.png'), word_picture(label, ink=(40 * i, 0, 0)))
    (tmp_path / 'words.tsv').write_text(
        ''.join(f'{i}.png\t{label}\n' for i, label in enumerate(LABELS)))
    return tmp_path


def loader(folder, train):
    dataset = dict(type='WordTSVDataset', data_root=str(folder), ann_file='words.tsv',
                   test_mode=not train, pipeline=PIPELINE)
    sampler = dict(type='InfiniteSampler' if train else 'DefaultSampler', shuffle=train)
    return dict(batch_size=2, num_workers=0, sampler=sampler, dataset=dataset)


def watched(runner):
    """Modes of all modules, and numbers: what a drawing takes from a generator would show."""
    return ([m.training for m in runner.model.modules()],
            [runner.message_hub.get_scalar('train/loss').current(), random.random(),
             np.random.rand(), float(torch.rand(1))])


def run(folder, hook, name='a', backends=('LocalVisBackend', ), **changes):
    """Five steps with a backbone that stays in evaluation mode; the runner and what was watched."""
    torch.manual_seed(0)
    changes = {**dict(
        model=tiny_model(), randomness=dict(seed=3), param_scheduler=None,
        train_dataloader=loader(folder, True), val_dataloader=loader(folder, False),
        test_dataloader=loader(folder, False), val_cfg=dict(),
        val_evaluator=dict(type='WordMetric', mode='exact'),
        train_cfg=dict(by_epoch=False, max_iters=5, val_interval=100),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
        visualizer=dict(type='GlyphVisualizer', name=f'{folder.name}_{name}',
                        vis_backends=[dict(type=backend) for backend in backends]),
        default_hooks=dict(checkpoint=None, logger=None, glyphs=hook)), **changes}
    watch = EachStep(watched, after=True)
    runner = build(toy_config(folder, name, max_iters=5, **changes), hooks=[
        watch, EachStep(lambda runner: runner.model.backbone.eval() and None)])
    runner.train()
    return runner, watch.seen


def pictures(folder, name='a'):
    return sorted(path.name for path in (folder / name).rglob('*.png'))


def assert_drawn(found, want):
    """Maps of another batch, rounded to gray levels; where two characters are as strong as each
    other, either may color a pixel."""
    assert (np.abs(found - want.astype(float)) > 2).mean() < 1e-4


def test_a_run_draws_the_same_words_at_intervals_and_at_the_end(words):
    pytest.importorskip('tensorboard', reason='TensorBoard is not installed')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    runner, _ = run(words, HOOK, backends=('LocalVisBackend', 'TensorboardVisBackend'))
    # Two of six words: the middles of both halves.
    names = ('glyphs_0_c-d', 'glyphs_1_e')
    assert pictures(words) == sorted(f'{n}_{step}.png' for n in names for step in (2, 4, 5))
    events = EventAccumulator(str(next((words / 'a').rglob('events.*')).parent),
                              size_guidance=dict(images=0))
    events.Reload()
    assert sorted(events.Tags()['images']) == sorted(names)
    shown = events.Images(names[1])
    assert [image.step for image in shown] == [2, 4, 5]
    # The last sheet shows what the trained model reads.
    model = runner.model.eval()
    word = runner.val_dataloader.dataset[4]
    data = model.data_preprocessor({key: [value] for key, value in word.items()}, False)
    seen, = explain_batch(model, **data)
    want = draw_sample(seen.image, data['data_samples'][0], seen)
    assert_drawn(cv2.imread(str(next((words / 'a').rglob('glyphs_1_e_5.png')))), want)
    assert_drawn(cv2.imdecode(np.frombuffer(shown[-1].encoded_image_string, np.uint8),
                              cv2.IMREAD_COLOR), want)


@pytest.mark.parametrize('optimizer', ['OptimWrapper', 'AmpOptimWrapper'])
def test_the_training_does_not_notice(words, optimizer):
    wrapper = dict(type=optimizer, constructor='DeferredOptimWrapperConstructor',
                   optimizer=dict(type='SGD', lr=1e-3))
    first, drawing = run(words, HOOK, 'with', optim_wrapper=wrapper)
    second, plain = run(words, dict(HOOK, enable=False), 'without', optim_wrapper=wrapper)
    assert pictures(words, 'with') and not pictures(words, 'without')
    assert len(drawing) == len(plain) == 5
    for (modes, numbers), (want, expected) in zip(drawing, plain):
        assert modes == want and numbers == pytest.approx(expected, rel=1e-5)
        assert any(modes) and not all(modes)  # the backbone's stay as they were set
    for key, value in first.model.state_dict().items():
        torch.testing.assert_close(value, second.model.state_dict()[key], msg=key)


def test_mmocrs_hook_shows_everything_in_tests(words):
    hook = dict(HOOK, interval=100)
    runner, _ = run(words, hook, default_hooks=dict(
        checkpoint=None, logger=None, glyphs=hook, visualization=dict(
            type='VisualizationHook', enable=True, draw_gt=True, draw_pred=True)))
    runner.test()
    sheet = cv2.imread(str(next((words / 'a').rglob('3_1.png'))))  # second batch
    word = runner.test_dataloader.dataset[3]
    picture = cv2.imread(str(words / '3.png'))
    seen = runner.visualizer.reader(picture)
    sample, = runner.model.test_step({key: [value] for key, value in word.items()})
    assert seen.glyph_maps
    assert_drawn(sheet, draw_sample(picture, sample, seen))


def test_only_the_first_process_draws_and_threads_do_not_outlive_it(words, monkeypatch):
    runner, _ = run(words, dict(HOOK, interval=100))
    hook = next(h for h in runner.hooks if isinstance(h, GlyphVisualizationHook))
    before, counts = cv2.getNumThreads(), []

    def drawn(*args):
        counts.append(cv2.getNumThreads())
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr(module, 'draw_sample', drawn)
    # The model as a distributed training wraps it.
    wrapped = SimpleNamespace(model=torch.nn.DataParallel(runner.model), iter=99,
                              visualizer=runner.visualizer)
    # Threads of OpenCV would be missed by workers that are forked later.
    for first, expected in ((False, []), (True, [1, 1])):
        monkeypatch.setattr(module, 'is_main_process', lambda first=first: first)
        hook.after_train_iter(SimpleNamespace(iter=98), 98)  # with nothing to look at
        hook.after_train_iter(wrapped, 99)
        assert counts == expected and cv2.getNumThreads() == before


@pytest.mark.parametrize('wrong', [
    dict(interval=0), dict(num_words=0), dict(split='test'), dict(parts=['masks']),
    dict(parts='attention')])
def test_wrong_arguments_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GlyphVisualizationHook(**wrong)


def test_training_words_chosen_words_and_words_that_are_not_there(words):
    run(words, dict(HOOK, split='train', indices=[3], interval=100), **UNVALIDATED)
    assert pictures(words) == ['glyphs_0_42_5.png']
    for hook, changes, message in (
            (HOOK, UNVALIDATED, "none: set split='train'"),
            (dict(HOOK, indices=[0, 6, -1]), {}, '6 words to draw, and no number 6, -1 among')):
        with pytest.raises(ValueError, match=message):
            run(words, hook, **changes)


def test_a_visualizer_without_backends_is_told():
    logged = []
    hook = GlyphVisualizationHook(num_words=1)
    hook.before_train(SimpleNamespace(
        val_loop=1, val_dataloader=SimpleNamespace(dataset=[dict(inputs=1, data_samples=2)]),
        visualizer=SimpleNamespace(), logger=SimpleNamespace(
            log=lambda level, text: logged.append(text))))
    assert 'no vis_backends' in logged[0]
