"""--launcher pytorch on CPUs: two processes learn what one learns from the doubled batch."""
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmocr_siga.compat.cpu_launcher import has_accelerator
from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.images import encode_picture
from tests.conftest import REPO
from tests.helpers.distillers import distiller_config
from tests.helpers.loss_curve import loss_curve
from tests.helpers.odm import tiny_odm
from tests.helpers.readers import word_picture
from tests.helpers.spotters import rec_head, tiny_spotter

STEPS = 3
GLYPHS = {'loss_glyph_fine', 'loss_glyph_coarse', 'loss_mask', 'loss_implicit'}
PARTS = {
    'siga_tiny': {'loss', 'loss_word', *GLYPHS},
    'siga_p_tiny': {'loss', 'loss_word', 'loss_word_visual', *GLYPHS},
    'srn_tiny': {'loss', 'loss_word', 'loss_word_visual', 'loss_word_semantic'},
}

pytestmark = [
    pytest.mark.skipif(has_accelerator(), reason='only for machines without accelerator'),
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason='no gloo'),
]


def write_words(folder):
    # Words of one length, so that the mean over two halves is the mean over the whole.
    with FolderWriter(folder, 'train') as writer:
        for text in map(str, range(1234, 9999, 723)):
            writer.add(encode_picture(word_picture(text)), text)


def write_bars(folder):
    """Two words, of 3 and of 11 characters, which are bars of different heights."""
    with FolderWriter(folder, 'uneven') as writer:
        for count in (3, 11):
            picture = np.full((32, 128, 3), 40, np.uint8)
            for i in range(count):
                picture[6:18 + i, 4 + 11 * i:9 + 11 * i] = 220
            writer.add(encode_picture(picture, '.png'), str(count))


VIEWS = [  # a smaller one, without what is drawn by chance
    dict(type='LoadWordImage'),
    dict(type='WordViewPair', prob=1.0,
         geometry=dict(scale=(0.8, 0.8), shift=0, rotation=0, shear=(0, 0))),
    dict(type='PackWordViews'),
]


def write_scenes(path, texts):
    """One picture a text, with that word in it, or without words."""
    scenes = []
    for i, text in enumerate(texts):
        picture = np.full((96, 128, 3), 30 * i, np.uint8)
        instances = []
        if text:
            picture[25:65, 15:105] = word_picture(text)
            instances = [dict(polygon=[15, 25, 105, 25, 105, 65, 15, 65], bbox=[15, 25, 105, 65],
                              bbox_label=0, ignore=False, text=text)]
        name = f'{path.stem}.{i}.png'
        cv2.imwrite(str(path.with_name(name)), picture)
        scenes.append(dict(img_path=name, height=96, width=128, instances=instances))
    path.write_text(json.dumps(dict(
        metainfo=dict(dataset_type='TextSpottingDataset', task_name='textspotting'),
        data_list=scenes)))


def write_config(path, source, batch_size, dataset, lr, **changes):
    """A config without validation and without what is drawn by chance."""
    cfg = Config.fromfile(REPO / 'configs' / source)
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader', 'test_cfg',
                'test_evaluator', 'param_scheduler'):
        cfg.pop(key, None)
    for key, value in changes.items():  # `update` would merge them
        cfg[key] = value
    cfg.merge_from_dict(dict(
        work_dir=str(path.with_suffix('')), randomness=dict(seed=1), log_level='ERROR',
        train_cfg=dict(max_iters=STEPS, val_interval=STEPS + 1),
        optim_wrapper=dict(optimizer=dict(_delete_=True, type='SGD', lr=lr, weight_decay=0))))
    cfg.train_dataloader.update(batch_size=batch_size, num_workers=0, persistent_workers=False)
    pipeline = [t for t in cfg.train_pipeline
                if not t['type'].startswith('Random') and t['type'] != 'TorchVisionWrapper']
    cfg.train_dataloader.dataset = dict(data_root=str(path.parent), pipeline=pipeline, **dataset)
    if 'spotting' in source:
        cfg.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=False)
    cfg.dump(path)


@pytest.fixture(scope='module')
def curves(tmp_path_factory):
    """A function to the losses of a config in one process and in two, which are started once."""
    folder = tmp_path_factory.mktemp('runs')
    write_words(folder)
    for name in PARTS:
        for key, size in ('one', 6), ('two', 3):
            write_config(folder / f'{name}_{key}.py', f'{name}.py', size, lr=0.01,
                         dataset=dict(type='WordTSVDataset', ann_file='train.tsv'))
    # Each step has both words, one a process.
    write_bars(folder)
    for key, size in ('one', 2), ('two', 1):
        write_config(folder / f'ccd_{key}.py', 'ccd/ccd_siga_tiny.py', size, lr=0.05,
                     model=distiller_config(), train_pipeline=VIEWS,
                     custom_hooks=[dict(type='TeacherHook', momentum=0.9)],
                     recorded=['loss_mask', 'loss_distillation', 'pairs'],
                     dataset=dict(type='WordTSVDataset', ann_file='uneven.tsv'))
    # Pictures 0 and 2 go to the first process, 1 and 3 to the second.
    model = tiny_spotter(rec_head(), jitter=0.0, grow=(0.0, 0.0))
    for name, texts, runs, recorded in (
            ('spotter', ['abc', 'def', 'ghi', 'jkl'], (('one', 2), ('two', 1)), None),
            ('idle', ['abc', '', 'ghi', ''], (('two', 1), ), ['loss'])):
        write_scenes(folder / f'{name}.json', texts)
        for key, size in runs:
            write_config(folder / f'{name}_{key}.py', 'spotting/siga_spotter_tiny.py', size,
                         lr=0.001, model=model, recorded=recorded,
                         dataset=dict(type='CheckedSceneDataset', ann_file=f'{name}.json'))
    # Pre-training, with its contrast over the pictures of both processes.
    loading = [dict(type='LoadImageFromFile'), dict(
        type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True,
        with_text=True)]
    drawing = [dict(type='TextPrompt', prob=0.0), dict(type='DestyledLabel'),
               dict(type='PackODMInputs')]
    for key, size in (('one', 4), ('two', 2)):
        write_config(folder / f'odm_{key}.py', 'odm/odm_tiny.py', size, lr=0.01,
                     model=tiny_odm(loss_glyph=None), train_pipeline=[*loading, *drawing],
                     dataset=dict(type='CheckedSceneDataset', ann_file='spotter.json'))
    env = dict(os.environ, CUDA_VISIBLE_DEVICES='',
               PYTHONPATH=os.pathsep.join([str(REPO), os.environ.get('PYTHONPATH', '')]))
    done = subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2',
         str(REPO / 'tests/helpers/loss_curve.py'), *map(str, sorted(folder.glob('*_two.py')))],
        env=env, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]

    def get(name):
        two = json.loads((folder / f'{name}_two.json').read_text())
        one = folder / f'{name}_one.py'
        return loss_curve(str(one)) if one.exists() else None, two

    return get


@pytest.mark.parametrize('name', [*PARTS, 'spotter'])
def test_two_processes_follow_one_with_the_doubled_batch(curves, name):
    one, two = curves(name)
    assert len(one) == len(two) == STEPS
    for step, (a, b) in enumerate(zip(one, two)):
        assert a.keys() == b.keys() >= PARTS.get(name, set())
        # Of a spotter the means over words of one length; the detector's losses are balanced over
        # the batch.
        for part in a if name in PARTS else ('rec_loss_word', 'rec_loss_implicit',
                                             'rec_loss_plain'):
            assert b[part] == pytest.approx(a[part], rel=2e-3 if name in PARTS else 5e-3), (
                step, part)
    assert one[-1]['loss'] < one[0]['loss']


def test_characters_count_alike_in_whatever_process(curves):
    one, two = curves('ccd')
    assert [step['pairs'] for step in one] == [step['pairs'] for step in two] == STEPS * [14 / 2]
    for a, b in zip(one, two):
        for part in ('loss_mask', 'loss_distillation'):
            assert b[part] == pytest.approx(a[part], rel=1e-3)
    assert one[-1]['loss_distillation'] != pytest.approx(one[0]['loss_distillation'], rel=1e-3)


def test_pre_training_follows_one_process_too(curves):
    one, two = curves('odm')
    assert len(one) == len(two) == STEPS
    for a, b in zip(one, two):
        for part in ('loss_ink', 'loss_contrast'):
            assert b[part] == pytest.approx(a[part], rel=2e-3), part
    assert one[-1]['loss'] < one[0]['loss']


def test_a_process_without_words_keeps_step(curves):
    _, two = curves('idle')
    assert len(two) == STEPS and all(np.isfinite(step['loss']) for step in two)
