"""From nothing to a trained, tested and explained reader in a few minutes on a CPU.

    python tools/demo.py
    python tools/demo.py --work-dir work_dirs/demo --words 6000 --iterations 1100

Makes labelled words from the installed fonts, trains a small SIGA reader on them, tests it with
`mim test mmocr`, and draws what it looked at while it read words that it had never seen.
"""
from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.runner import Runner
from tabulate import tabulate
from tqdm import tqdm

import mmocr_siga
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.images import encode_picture
from mmocr_siga.inference.explain import explain
from mmocr_siga.rendering import PRESETS, FontLibrary, RenderedWord, RenderStyle, WordRenderer
from mmocr_siga.visualization import draw_reading

ROOT = Path(__file__).resolve().parents[1]
MAX_LENGTH = 5
# Numbers, as on meters and tickets: ten classes are what a few minutes on a CPU can teach.
CHARSET = '0123456789'
# Transforms that make training words harder than the demo's short training can make use of.
LEFT_OUT = ('RandomTextGeometry', 'RandomTextDeterioration', 'RandomTextColor')


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16, so that it is faster; as Linux tells."""
    known = Path('/proc/cpuinfo')
    return known.is_file() and 'bf16' in known.read_text()


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('--work-dir', type=Path, default=Path('work_dirs/demo'), help='default: %(default)s')
    add('--words', type=positive, default=6000, help='words to train on (default %(default)s)')
    add('--test-words', type=positive, default=400, help='words to test on (default %(default)s)')
    add('--iterations', type=positive, default=1100, help='training steps (default %(default)s)')
    add('--examples', type=int, default=8, help='words to draw (default %(default)s)')
    add('--batch-size', type=positive, default=32, help='default: %(default)s')
    add('--lr', type=float, default=3e-3, help='highest learning rate (default %(default)s)')
    add('--faces', type=positive, default=6, help='fonts to use (default %(default)s)')
    add('--difficulty', choices=sorted(PRESETS), default='easy', help='default: %(default)s')
    add('--config', type=Path, default=ROOT / 'configs' / 'siga_tiny.py', help='model to train')
    add('--amp', action=argparse.BooleanOptionalAction, default=has_bfloat16(),
        help='train in bfloat16 (default: where the processor has instructions for it)')
    add('--seed', type=int, default=0, help='default: %(default)s')
    args = parser.parse_args(argv)
    if not args.config.is_file():
        parser.error(f'--config: {str(args.config)!r} does not exist')
    return args


class ListSource(NamedTuple):
    """Draws labels of a list, all equally likely."""

    labels: Sequence[str]

    def draw(self, rng: np.random.Generator) -> str:
        return self.labels[int(rng.integers(len(self.labels)))]


def draw_labels(count: int, seed: int) -> list[str]:
    """Distinct numbers of 1 to :data:`MAX_LENGTH` digits, the short ones over-represented."""
    rng = np.random.default_rng(seed)
    labels: dict[str, None] = {}
    while len(labels) < count:
        length = int(rng.integers(1, MAX_LENGTH + 1))
        labels[''.join(CHARSET[k] for k in rng.integers(0, len(CHARSET), length))] = None
    return rng.permutation(list(labels)).tolist()


def make_words(folder: Path, words: int, test_words: int, difficulty: str, faces: int,
               seed: int) -> list[RenderedWord]:
    """Write ``train.tsv`` and ``test.tsv`` with their images, drawn with the plainest faces.

    Gives the test words, none of which is spelt like a training word.
    """
    style = RenderStyle.preset(difficulty)
    fonts = FontLibrary.discover(CHARSET, min_legibility=style.legibility).plainest(faces)
    labels = draw_labels(words + test_words, seed)
    splits = {'train': labels[:words], 'test': labels[words:]}
    for number, (name, texts) in enumerate(splits.items()):
        render = WordRenderer(fonts, ListSource(texts), style, seed=2 * seed + number)
        rendered = [render(i) for i in range(len(texts))]
        with FolderWriter(folder, name) as writer:
            for word in rendered:
                writer.add(encode_picture(word.image), word.text)
    print(f'      {words} words to train on, {test_words} unseen words to test on, '
          f'{len(fonts)} faces')
    return rendered


def _loader(split: str, folder: Path, pipeline: list, **options: Any) -> dict:
    workers = 1 if (os.cpu_count() or 1) > 1 else 0
    dataset = dict(type='WordTSVDataset', data_root=str(folder.resolve()), ann_file=f'{split}.tsv',
                   test_mode=split == 'test', pipeline=pipeline)
    return dict(dataset=dataset, num_workers=workers, persistent_workers=workers > 0, **options)


def demo_config(args: argparse.Namespace, data: Path) -> Config:
    """The model's config with the demo's words and schedule."""
    cfg = read_config(args.config)
    train = [t for t in cfg.train_pipeline if t['type'] not in LEFT_OUT]
    for part in ('encoder', 'decoder', 'glyph_head'):
        # Shorter words need fewer decoding steps.
        cfg.model[part]['max_seq_len'] = MAX_LENGTH + 2
    for key in ('auto_scale_lr', 'custom_hooks', 'optim_wrapper', 'param_scheduler', 'train_cfg',
                'val_cfg', 'val_dataloader', 'val_evaluator', 'train_dataloader',
                'test_dataloader', 'test_evaluator'):
        cfg.pop(key, None)
    cfg.merge_from_dict(dict(
        work_dir=str(args.work_dir), randomness=dict(seed=args.seed), log_level='WARNING',
        train_dataloader=_loader(
            'train', data, train, batch_size=args.batch_size, drop_last=True,
            sampler=dict(type='InfiniteSampler', shuffle=True)),
        test_dataloader=_loader('test', data, cfg.test_pipeline, batch_size=64,
                                sampler=dict(type='DefaultSampler', shuffle=False)),
        test_evaluator=dict(type='WordProtocolMetric', protocols=['36']),
        test_cfg=dict(type='TestLoop'),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=args.iterations),
        optim_wrapper=dict(
            type='OptimWrapper', constructor='DeferredOptimWrapperConstructor',
            optimizer=dict(type='AdamW', lr=args.lr, weight_decay=0.01),
            clip_grad=dict(max_norm=5)),
        param_scheduler=[dict(type='OneCycleLR', eta_max=args.lr, total_steps=args.iterations,
                              pct_start=0.15, by_epoch=False)],
        default_hooks=dict(checkpoint=dict(interval=10 ** 9, save_last=False))))
    if args.amp:
        cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16')
    return cfg


class ProgressBar(Hook):
    """Shows how far the training is."""

    def before_train(self, runner: Runner) -> None:
        self.bar = tqdm(total=runner.max_iters, mininterval=2, file=sys.stdout,
                        bar_format='      [{bar:30}] {elapsed}, {remaining} left{postfix}  ')

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None,
                         outputs: dict | None = None) -> None:
        steps = runner.iter + 1
        if steps % 10 == 0 or steps == runner.max_iters:  # reading the loss waits for a GPU
            self.bar.set_postfix_str(f'step {steps}, loss {float(outputs["loss"]):.2f}', False)
        self.bar.update()

    def after_train(self, runner: Runner) -> None:
        self.bar.close()


def train(args: argparse.Namespace, data: Path) -> tuple[Runner, Path, Path]:
    """Train, and write the config and the weights: the runner, and the paths of both."""
    cfg = demo_config(args, data)
    config, weights = args.work_dir / 'config.py', args.work_dir / 'demo.pth'
    cfg.dump(config)
    runner = Runner.from_cfg(cfg)
    runner.register_hook(ProgressBar(), priority='LOW')
    runner.train()
    runner.save_checkpoint(str(args.work_dir), weights.name, save_optimizer=False,
                           save_param_scheduler=False)
    return runner, config, weights


def read_metrics(folder: Path) -> dict[str, float]:
    """The metrics of the latest test under a folder; a FileNotFoundError if there are none."""
    files = sorted(folder.glob('*/*.json'), key=lambda p: p.stat().st_mtime)
    if not files:
        raise FileNotFoundError(f'no metrics under {str(folder)!r}')
    return json.loads(files[-1].read_text().splitlines()[-1])


def test(config: Path, weights: Path, folder: Path) -> dict[str, float]:
    """Run ``mim test mmocr`` as a user would: metrics, with 'seconds' for the whole command.

    RuntimeError if it fails; the message names the log.
    """
    command = [sys.executable, '-m', 'mim', 'test', 'mmocr', str(config), '--checkpoint',
               str(weights), '--work-dir', str(folder)]
    print('      ' + ' '.join(command[2:]))
    paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, paths)))
    folder.mkdir(parents=True, exist_ok=True)
    log, start = folder / 'mim_test.log', time.monotonic()
    with open(log, 'w', encoding='utf-8') as stream:
        status = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=env,
                                check=False).returncode
    if status != 0:
        raise RuntimeError(f'mim test failed with status {status}; see {log}')
    return dict(read_metrics(folder), seconds=time.monotonic() - start)


def result_table(metrics: dict[str, float], words: int) -> str:
    accuracy, ned = metrics['recog/word_acc_ignore_case_symbol'], metrics['recog/1-N.E.D']
    rows = [('words', f'{words}'), ('word accuracy', f'{100 * accuracy:.1f} %'),
            ('1 - NED', f'{100 * ned:.1f} %'), ('time', f'{metrics["seconds"]:.0f} s')]
    return tabulate(rows, tablefmt='pretty', colalign=('left', 'right'))


def draw_examples(runner: Runner, words: Sequence[RenderedWord], folder: Path) -> None:
    """Draw a picture of how each word was read."""
    folder.mkdir(parents=True, exist_ok=True)
    model = runner.model.eval()
    model.cfg = runner.cfg
    for number, word in enumerate(words, 1):
        reading = explain(model, word.image)
        path = folder / f'{number:02d}_{word.text}.png'
        cv2.imwrite(str(path), draw_reading(word.image, truth=word.text, **reading))
        score = min(reading['scores'], default=0.0)
        print(f'      {word.text:10} read as {reading["text"] or "(nothing)":10} '
              f'lowest confidence {score:4.2f}  {path}')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo; 2 after a clear message about what was wrong."""
    args = parse_args(argv)
    # The console is for the demo's own lines: the log files have the rest.
    warnings.filterwarnings('ignore')
    logging.getLogger('mmengine').setLevel(logging.ERROR)
    os.environ['PYTHONWARNINGS'] = 'ignore'
    start = time.monotonic()
    data = args.work_dir / 'data'
    shutil.rmtree(data, ignore_errors=True)
    try:
        print(f'[1/4] Making words under {data}')
        unseen = make_words(data, args.words, args.test_words, args.difficulty,
                            args.faces, args.seed)
        device = ('one GPU' if torch.cuda.is_available() else
                  f'{torch.get_num_threads()} CPU threads')
        print(f'[2/4] Training {args.config.stem} (mmocr_siga {mmocr_siga.__version__}, {device})')
        runner, config, weights = train(args, data)
        print('[3/4] Testing')
        metrics = test(config, weights, args.work_dir / 'test')
        print(result_table(metrics, len(unseen)))
        print(f'[4/4] Drawing {args.examples} readings')
        draw_examples(runner, unseen[:args.examples], args.work_dir / 'pictures')
    except (ValueError, OSError, RuntimeError) as error:
        print(f'demo: {error}', file=sys.stderr)
        return 2
    print(f'Done in {(time.monotonic() - start) / 60:.1f} minutes. Words, config, weights and '
          f'pictures lie in {args.work_dir}')
    return 0


if __name__ == '__main__':
    run_tool(main)
