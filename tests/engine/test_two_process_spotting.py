"""Two processes train the spotter, one of them with nothing to read."""
import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from mmocr_siga.compat.cpu_launcher import has_accelerator
from tests.helpers.spotters import rec_head, tiny_spotter

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tests' / 'helpers' / 'loss_curve.py'
STEPS = 2

pytestmark = [
    pytest.mark.skipif(has_accelerator(), reason='only for machines without accelerator'),
    pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason='no gloo'),
]


def write_scenes(folder, texts):
    """One picture a text, with that word in it, or without words."""
    scenes = []
    for i, text in enumerate(texts):
        picture = np.full((96, 128, 3), 30 * i, np.uint8)
        instances = []
        if text:
            cv2.putText(picture, text, (14, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255, ) * 3, 3)
            instances = [dict(polygon=[10, 25, 118, 25, 118, 70, 10, 70], bbox=[10, 25, 118, 70],
                              bbox_label=0, ignore=False, text=text)]
        cv2.imwrite(str(folder / f'{i}.png'), picture)
        scenes.append(dict(img_path=f'{i}.png', height=96, width=128, instances=instances))
    content = dict(metainfo=dict(dataset_type='TextSpottingDataset', task_name='textspotting'),
                   data_list=scenes)
    (folder / 'scenes.json').write_text(json.dumps(content))


def curve(folder, processes, batch_size, *names):
    out = folder / str(processes)
    out.mkdir()
    cfg = Config.fromfile(ROOT / 'configs' / 'spotting' / 'siga_spotter_tiny.py')
    pipeline = [t for t in cfg.train_pipeline
                if t['type'] not in ('RandomSceneWindow', 'TorchVisionWrapper')]
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader', 'test_cfg',
                'test_evaluator', 'param_scheduler'):
        cfg.pop(key)
    head = rec_head()
    head['decoder'].update(dropout=0.0)
    cfg.model = tiny_spotter(head, jitter=0.0, grow=(0.0, 0.0))
    cfg.merge_from_dict(dict(
        work_dir=str(out), randomness=dict(seed=1), log_level='ERROR',
        train_cfg=dict(max_iters=STEPS, val_interval=STEPS + 1),
        optim_wrapper=dict(optimizer=dict(_delete_=True, type='SGD', lr=0.001))))
    cfg.train_dataloader.update(batch_size=batch_size, num_workers=0, persistent_workers=False,
                                sampler=dict(type='InfiniteSampler', shuffle=False))
    cfg.train_dataloader.dataset = dict(
        type='CheckedSceneDataset', data_root=str(folder), ann_file='scenes.json',
        pipeline=pipeline)
    cfg.dump(out / 'config.py')
    launcher = [] if processes == 1 else [
        '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes)]
    env = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='',
               PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]))
    run = subprocess.run([sys.executable, *launcher, str(SCRIPT), str(out / 'config.py'),
                          str(out / 'curve.json'), *names], env=env, capture_output=True, text=True,
                         check=False, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads((out / 'curve.json').read_text())


def test_each_process_reads_its_half(tmp_path):
    # Pictures 0 and 2 go to the first process, 1 and 3 to the second.
    write_scenes(tmp_path, ['abc', 'def', 'ghi', 'jkl'])
    one, two = curve(tmp_path, 1, 2), curve(tmp_path, 2, 1)
    assert len(one) == len(two) == STEPS
    for a, b in zip(one, two):
        assert a.keys() == b.keys()
        # Means over words of one length; the detector's are balanced over the batch.
        for name in ('rec_loss_word', 'rec_loss_implicit', 'rec_loss_plain'):
            assert b[name] == pytest.approx(a[name], rel=5e-3), name


def test_a_process_without_words_keeps_step(tmp_path):
    write_scenes(tmp_path, ['abc', '', 'ghi', ''])
    out = curve(tmp_path, 2, 1, 'loss')
    assert len(out) == STEPS and all(np.isfinite(step['loss']) for step in out)
