"""Building blocks beside each other on numbers, which small models learn to read in minutes.

    python tools/experiments/digits.py positions --work-dir work_dirs/positions
    python tools/experiments/digits.py shapes --work-dir work_dirs/shapes
    python tools/experiments/digits.py pixels --work-dir work_dirs/pixels --lr 1e-3
    python tools/experiments/digits.py split --work-dir work_dirs/split

`positions`: the vision transformer with learned and with rotary positions, and with rotary ones
on images that keep their ratio; numbers of up to 6 digits. `shapes`: the small ResNet with and
without deformable convolutions; numbers that are turned, lean or seen from aside. `pixels`:
tokens that are pixels of edges, of all strokes, any pixels, or a grid. `split`: a reader that takes
style and content apart and ablations of it, beside the same one that reads alone, each from the
same weights that have learned to read alone; pairs of numbers in one style, tested on faces held
out. disentangle.py probes what they have learned.

Numbers are drawn while training. All models have a CTC head: attention takes long to begin to read.
Word accuracy on held-out numbers; of several seeds mean and standard error. Runs that are done are
not run again.
"""
from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from odm import check_arms, table

import mmocr_siga  # noqa: F401  (registers what the configs name)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
# A quarter of what pixels_tiny takes, or a step takes seconds. CTC reads 32 queries.
FEW_PIXELS = {'model.encoder.tokens': 128, 'model.encoder.queries': 32}
# Every pixel of 8 x 32: twice as many.
GRID = {'model.encoder.tokens': 256, 'model.encoder.queries': 32, 'model.encoder.img_size': (8, 32)}
ALONE = {'model.image_head': None}
QUARTER, MOST = ({'model.encoder.style_share': share} for share in (0.25, 0.75))
# Experiment -> how numbers look, the longest, steps, the share of them in which the rate rises,
# batch, and of each arm config, changes, and perhaps the arm from whose weights it goes on, with a
# third of the steps and half the rate.
EXPERIMENTS = {
    'positions': (dict(difficulty='easy'), 6, 250, 0.8, 32, {
        'learned': ('vit_tiny', {}),
        'rotary': ('vit_tiny_rope', {}),
        'rotary, free width': ('vit_tiny_rope_wide', {}),
    }),
    'shapes': (dict(difficulty='easy'), 5, 300, 0.2, 32, {
        'plain': ('siga_tiny_baseline', {}),
        'deformable': ('siga_tiny_baseline_dcn', {}),
    }),
    'pixels': (dict(difficulty='easy'), 4, 1000, 0.2, 16, {
        'edges': ('pixels_tiny', FEW_PIXELS),
        'edges, rotary': ('pixels_tiny', dict(FEW_PIXELS, **{'model.encoder.position': 'rope'})),
        'foreground': ('pixels_tiny', dict(FEW_PIXELS, **{'model.encoder.select': 'foreground'})),
        'anywhere': ('pixels_random_tiny', FEW_PIXELS),
        'grid': ('pixels_grid_tiny', GRID),
    }),
    'split': (dict(preset='style_pairs', part='train'), 5, 750, 0.2, 12, {
        'reading alone': ('disentangled_tiny', ALONE),
        'reading longer': ('disentangled_tiny', ALONE, 'reading alone'),
        'style and content': ('disentangled_tiny', {}, 'reading alone'),
        'no alignment': ('disentangled_tiny', {'model.image_head.loss_align': None},
                         'reading alone'),
        'no image': ('disentangled_tiny', {'model.image_head.loss_image': None}, 'reading alone'),
        'style teaches the trunk': ('disentangled_tiny',
                                    {'model.encoder.trunk_gradient': 'style'}, 'reading alone'),
        'content teaches the trunk': ('disentangled_tiny',
                                      {'model.encoder.trunk_gradient': 'content'},
                                      'reading alone'),
        'reading alone, style 1/4': ('disentangled_tiny', dict(ALONE, **QUARTER)),
        'style 1/4': ('disentangled_tiny', QUARTER, 'reading alone, style 1/4'),
        'reading alone, style 3/4': ('disentangled_tiny', dict(ALONE, **MOST)),
        'style 3/4': ('disentangled_tiny', MOST, 'reading alone, style 3/4'),
    }),
}


def drawn(pipeline: Sequence[dict], look: dict, longest: int, count: int, seed: int,
          warped: bool, size: tuple[int, int] | None) -> dict:
    """Data set of rendered numbers, brought to another (height, width) if there is one."""
    left_out = 'LoadWord', 'LoadImage', 'Random'
    pipeline = [dict(t, scale=size[::-1]) if size and t['type'] == 'Resize' else dict(t)
                for t in pipeline if not t['type'].startswith(left_out)]
    if warped:
        pipeline.insert(0, dict(type='RandomTextGeometry', prob=1.0))
    return dict(type='RenderedWordDataset', length=count, **look, charset='0123456789',
                random_strings=1.0, punctuation=0.0, max_length=longest, seed=seed,
                pipeline=pipeline)


def folder(args: argparse.Namespace, arm: str, seed: int) -> Path:
    return args.work_dir / f'{re.sub("[^a-z0-9]+", "_", arm)}_{seed}'


def experiment(name: str, arm: str, seed: int, args: argparse.Namespace) -> Config:
    look, longest, steps, rise, batch, arms = EXPERIMENTS[name]
    steps, lr, (config, changes, *start) = args.steps or steps, args.lr, arms[arm]
    weights = None
    if start:
        weights = str(folder(args, *start, seed) / f'iter_{steps}.pth')
        steps, lr = max(1, steps // 3), lr / 2
    config = read_config(CONFIGS / f'{config}.py')
    config.merge_from_dict(changes)
    dictionary = dict(config.dictionary, with_padding=True)
    warped, size = name == 'shapes', changes.get('model.encoder.img_size')
    config.train_dataloader.dataset = drawn(
        config.train_pipeline, look, longest, batch * steps, 1 + seed, warped, size)
    if name == 'split':
        pairs = dict(config.train_dataloader.dataset, type='RenderedPairDataset')
        config.train_dataloader.dataset = dict(pairs, dictionary=dictionary)
        config.style_pairs, look = pairs, dict(look, part='test')  # as disentangle.py needs them
    else:
        config.model.decoder = dict(type='CTCDecoder', dictionary=dictionary, in_channels=128,
                                    mask_padding=True)
    config.train_dataloader.batch_size = batch
    config.train_dataloader.pop('batch_sampler', None)
    config.val_dataloader.dataset = drawn(
        config.test_pipeline, look, longest, args.numbers, 0, warped, size)
    config.val_evaluator = [dict(type='WordProtocolMetric'), dict(
        type='CharacterErrorMetric', lengths=(longest // 3, 2 * longest // 3))]
    # The rate falls when they read.
    warm_up = max(1, int(rise * steps))
    fall = max(warm_up, 7 * steps // 10)
    config.param_scheduler = [
        dict(type='LinearLR', start_factor=0.05, end=warm_up, by_epoch=False),
        dict(type='CosineAnnealingLR', eta_min_ratio=0.01, begin=fall, end=steps,
             T_max=steps - fall, by_epoch=False)]
    config.optim_wrapper.optimizer.lr, config.load_from = lr, weights
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=steps, val_begin=steps + 1)
    config.randomness = dict(seed=seed)
    config.work_dir = str(folder(args, arm, seed))
    config.experiment_name = f'{args.work_dir.name}_{arm}_{seed}'
    return config


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('experiment', choices=EXPERIMENTS)
    add('--work-dir', type=Path, required=True)
    add('--arms', nargs='+', metavar='ARM', help='default: all')
    add('--seeds', type=int, nargs='+', default=[0, 1, 2], help='default: 0 1 2')
    add('--steps', type=positive, help="default: the experiment's")
    add('--numbers', type=positive, default=500, help='held out (default: %(default)s)')
    add('--lr', type=float, default=2e-3, help='highest learning rate (default: %(default)s)')
    add('--amp', action='store_true', help='in bfloat16')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing; a seed is finished before the next."""
    args = parse_args(argv)
    init_default_scope('mmocr')
    args.work_dir.mkdir(parents=True, exist_ok=True)
    record, results = args.work_dir / 'results.json', []
    if record.exists():
        results = json.loads(record.read_text('utf-8'))
    arms = EXPERIMENTS[args.experiment][-1]
    check_arms(args, arms)
    for seed in args.seeds:
        for arm in args.arms or arms:
            if any(row[:2] == [arm, seed] for row in results):
                continue
            config = experiment(args.experiment, arm, seed, args)
            if args.amp:
                config.optim_wrapper.type = 'AmpOptimWrapper'
            runner = Runner.from_cfg(config)
            runner.train()
            figures = {name.partition('recog/')[2]: value
                       for name, value in runner.val_loop.run().items()
                       if name.endswith(('word_acc', '1-N.E.D')) and 'ignore' not in name}
            results.append([arm, seed, figures])
            record.write_text(json.dumps(results, indent=1), 'utf-8')
            (args.work_dir / 'table.md').write_text(table(results), 'utf-8')
    print(table(results))
    return 0


if __name__ == '__main__':
    run_tool(main)
