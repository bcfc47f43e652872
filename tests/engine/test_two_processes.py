"""--launcher pytorch on CPUs: two processes learn what one learns from the doubled batch."""
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from mmocr_siga.compat.cpu_launcher import has_accelerator
from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.images import encode_picture
from mmocr_siga.rendering import FontLibrary, WordRenderer, WordSource
from mmocr_siga.rendering.fonts import bundled_font_dir

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / 'tests' / 'helpers' / 'loss_curve.py'
STEPS = 4
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


@pytest.fixture(scope='module')
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp('words')
    # Words of one length, so that the mean over two halves is the mean over the whole.
    source = WordSource('0123456789', ['1234', '9081', '5566', '7310', '4242', '8675', '3099'],
                        random_strings=0, punctuation=0)
    fonts = FontLibrary.discover('0123456789', [bundled_font_dir()])
    render = WordRenderer(fonts, source, seed=0)
    with FolderWriter(folder, 'train') as writer:
        for i in range(12):
            word = render(i)
            writer.add(encode_picture(word.image), word.text)
    return folder


def without_dropout(cfg):
    for key, value in cfg.items():
        if key == 'dropout':
            cfg[key] = 0.0
        elif isinstance(value, dict):
            without_dropout(value)


def curve(name, words, batch_size, processes, folder):
    folder.mkdir()
    cfg = Config.fromfile(ROOT / 'configs' / f'{name}.py')
    pipeline = [t for t in cfg.train_pipeline if not t['type'].startswith('Random')]
    for key in ('val_dataloader', 'val_evaluator', 'val_cfg', 'test_dataloader', 'test_cfg',
                'test_evaluator', 'param_scheduler'):
        cfg.pop(key)
    cfg.merge_from_dict(dict(
        work_dir=str(folder), randomness=dict(seed=1), log_level='ERROR',
        train_cfg=dict(max_iters=STEPS, val_interval=STEPS + 1),
        optim_wrapper=dict(optimizer=dict(_delete_=True, type='SGD', lr=0.01))))
    without_dropout(cfg.model)
    cfg.train_dataloader.update(batch_size=batch_size, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset = dict(
        type='WordTSVDataset', data_root=str(words), ann_file='train.tsv', pipeline=pipeline)
    cfg.dump(folder / 'config.py')
    launcher = [] if processes == 1 else [
        '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', str(processes)]
    env = dict(os.environ, OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES='',
               PYTHONPATH=os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]))
    run = subprocess.run([sys.executable, *launcher, str(SCRIPT), str(folder / 'config.py'),
                          str(folder / 'curve.json')], env=env, capture_output=True, text=True,
                         check=False, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads((folder / 'curve.json').read_text())


@pytest.mark.parametrize('name', sorted(PARTS))
def test_two_processes_follow_one_with_the_doubled_batch(name, words, tmp_path):
    one = curve(name, words, 6, 1, tmp_path / 'one')
    two = curve(name, words, 3, 2, tmp_path / 'two')
    assert len(one) == len(two) == STEPS
    for step, (a, b) in enumerate(zip(one, two)):
        assert a.keys() == b.keys() >= PARTS[name]
        for part, value in a.items():
            assert b[part] == pytest.approx(value, rel=2e-3), (step, part)
    assert one[-1]['loss'] < one[0]['loss']
