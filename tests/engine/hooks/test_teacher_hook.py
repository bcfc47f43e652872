"""The teacher of a pre-training, and that a run goes on as if it had not been stopped."""
import math

import cv2
import pytest
import torch

from mmocr_siga.datasets import WordFolderDataset  # noqa: F401
from mmocr_siga.engine.hooks import TeacherHook
from tests.helpers.distillers import distiller_config
from tests.helpers.readers import word_picture
from tests.helpers.toy_run import EachStep, build, toy_config, write_words

PIPELINE = [
    dict(type='LoadWordImage'),
    dict(type='WordViewPair', photometry=[dict(type='RandomTextPhotometry')]),
    dict(type='PackWordViews'),
]


@pytest.fixture
def words(tmp_path):
    (tmp_path / 'pictures').mkdir()
    for text in ('Glyph', '12', 'word', 'Siga'):
        cv2.imwrite(str(tmp_path / 'pictures' / f'{text}.png'), word_picture(text))
    return write_words(tmp_path)


def run(folder, name, steps, resume=False, hooks=(), end=None, accumulate=1, **options):
    cfg = toy_config(
        folder, name, max_iters=end or steps, model=distiller_config(**options),
        optim_wrapper=dict(
            type='OptimWrapper', constructor='DeferredOptimWrapperConstructor',
            optimizer=dict(type='AdamW', lr=1e-2, weight_decay=.04),
            accumulative_counts=accumulate, clip_grad=dict(type='tensor', max_norm=3.)),
        param_scheduler=[dict(type='CosineAnnealingParamScheduler', param_name='weight_decay',
                              eta_min_ratio=10, T_max=end or steps, by_epoch=False)],
        custom_hooks=[
            dict(type='TeacherHook', momentum=.9),
            dict(type='LossScheduleHook', schedule={
                'own_masks': {3: True}, 'student.head.frozen': {0: True, 1: False}})])
    cfg.train_dataloader['dataset'] = dict(
        type='CheckedTextDataset', unlabeled=True, pipeline=PIPELINE,
        dataset=dict(type='WordFolderDataset', ann_file=str(folder / 'pictures')))
    for key in ('test_dataloader', 'test_evaluator', 'test_cfg'):
        cfg.pop(key)
    runner = build(cfg, resume=resume, hooks=hooks)
    if end:
        stop_at(runner, steps)
    runner.train()
    return runner


def stop_at(runner, steps):
    """As if the run were killed after so many of its steps: what it has saved stays."""
    class StopError(Exception):
        pass

    loop = runner.build_train_loop(runner._train_loop)
    runner._train_loop = loop
    step = loop.run_iter

    def run_iter(batch):
        if loop.iter == steps:
            raise StopError
        step(batch)

    loop.run_iter, train = run_iter, runner.train

    def stopped():
        with pytest.raises(StopError):
            train()

    runner.train = stopped


def test_momentum_rises_along_half_a_cosine():
    hook = TeacherHook()
    assert hook.momentum_at(0, 100) == pytest.approx(.9995)
    assert hook.momentum_at(100, 100) == 1
    for i in (1, 30, 77):
        assert hook.momentum_at(i, 100) == pytest.approx(
            1 - .00025 * (1 + math.cos(math.pi * i / 100)), abs=1e-12)
    with pytest.raises(ValueError, match='in order'):
        TeacherHook(momentum=1.5)


@pytest.mark.parametrize('accumulate', [1, 2])
def test_the_teacher_follows_after_each_step_of_the_optimizer(words, accumulate):
    students, teachers = [], []
    look = EachStep(lambda runner: (
        students.append({n: p.clone() for n, p in runner.model.student.named_parameters()}),
        teachers.append({n: p.clone() for n, p in runner.model.teacher.named_parameters()})), True)
    run(words, 'run', 4, hooks=[look], accumulate=accumulate)
    for i in range(1, 4):
        m = 1 - .1 * (1 + math.cos(math.pi * i / 4)) / 2
        for name, p in teachers[i].items():
            moved = m * teachers[i - 1][name] + (1 - m) * students[i][name]
            stepped = (i + 1) % accumulate == 0
            torch.testing.assert_close(p, moved if stepped else teachers[i - 1][name])
    assert not torch.equal(students[3]['head.mlp.0.weight'], students[0]['head.mlp.0.weight'])


def test_a_resumed_run_ends_with_the_same_bits(words):
    whole = run(words, 'whole', 5).model.state_dict()
    run(words, 'parts', 2, end=5)
    again = run(words, 'parts', 5, resume=True)
    assert again.iter == 5
    for name, value in again.model.state_dict().items():
        assert torch.equal(value, whole[name]), name


def test_directions_stay_while_they_are_frozen_and_decay_grows(words):
    seen = EachStep(lambda runner: (
        runner.model.student.head.directions.clone(),
        sorted({group['weight_decay'] for group in runner.optim_wrapper.param_groups})))
    run(words, 'run', 4, hooks=[seen])
    (first, _), (second, _), (third, decay), _ = seen.seen
    assert torch.equal(first, second) and not torch.equal(second, third)
    assert decay == [pytest.approx(.04 + .36 * (1 - math.cos(math.pi * 2 / 4)) / 2)]


def test_other_models_are_refused(words):
    cfg = toy_config(words, 'other', max_iters=1, custom_hooks=[dict(type='TeacherHook')])
    with pytest.raises(TypeError, match='CRNN has no update_teacher'):
        build(cfg).train()
