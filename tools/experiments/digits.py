"""Building blocks beside each other on numbers, which small models learn to read in minutes, and
on words where a trunk that reads is there to begin with.

    python tools/experiments/digits.py positions --work-dir work_dirs/positions
    python tools/experiments/digits.py shapes --work-dir work_dirs/shapes
    python tools/experiments/digits.py pixels --work-dir work_dirs/pixels --lr 1e-3
    python tools/experiments/digits.py split --work-dir work_dirs/split
    python tools/experiments/digits.py words --work-dir work_dirs/words
    python tools/experiments/digits.py split_words --work-dir work_dirs/split_words --lr 1e-3

`positions`: the vision transformer with learned and with rotary positions, and with rotary ones on
images that keep their ratio; numbers of up to 6 digits, tested on up to 9, wider than 4:1.
`shapes`: the small ResNet with and without deformable convolutions; numbers that are turned, lean
or seen from aside. `pixels`: tokens that are pixels of edges, of all strokes, any pixels, or a
grid. `split`: a reader that takes style and content apart and ablations of it, beside the same one
that reads alone, each from the same weights that have learned to read alone; pairs of numbers in
one style, tested on faces held out. disentangle.py probes what they have learned. `words`: the
small ResNet, with backbone and context of siga_tiny_words to begin with, as it is, with deformable
convolutions and with letters grouped in training; the real words of real_words_kinds.py.
`split_words`: the same backbone, which learns to read real words from pairs of rendered ones, with
style and content apart and without style.

Numbers are drawn while training. All models have a CTC head: attention takes long to begin to read.
Word accuracy on held-out numbers or words; of several seeds mean and standard error. What is
trained is not trained again, and runs that are done are not run again.
"""
from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from odm import check_arms, table

import mmocr_siga  # noqa: F401  (registers what the configs name)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.inference.packaged import find_packaged

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
# A quarter of what pixels_tiny takes, or a step takes seconds. CTC reads 32 queries.
FEW_PIXELS = {'model.encoder.tokens': 128, 'model.encoder.queries': 32}
# Every pixel of 8 x 32: twice as many.
GRID = {'model.encoder.tokens': 256, 'model.encoder.queries': 32, 'model.encoder.img_size': (8, 32)}
ALONE = {'model.image_head': None}
QUARTER, MOST = ({'model.encoder.style_share': share} for share in (0.25, 0.75))


class Experiment(NamedTuple):
    look: dict  # how numbers are rendered; of words nothing
    longest: int
    steps: int
    rise: float  # share of the steps in which the rate rises
    batch: int
    # Of each arm config, changes, and perhaps the arm from whose weights it goes on, with a third
    # of the steps and half the rate.
    arms: dict[str, tuple]
    tested: int | None = None  # the longest tested on, where that is another


EXPERIMENTS = {
    'positions': Experiment(dict(difficulty='easy'), 6, 250, 0.8, 32, {
        'learned': ('vit_tiny', {}),
        'rotary': ('vit_tiny_rope', {}),
        'rotary, free width': ('vit_tiny_rope_wide', {}),
    }, tested=9),
    'shapes': Experiment(dict(difficulty='easy'), 5, 300, 0.2, 32, {
        'plain': ('siga_tiny_baseline', {}),
        'deformable': ('siga_tiny_baseline_dcn', {}),
    }),
    'pixels': Experiment(dict(difficulty='easy'), 4, 1000, 0.2, 16, {
        'edges': ('pixels_tiny', FEW_PIXELS),
        'edges, rotary': ('pixels_tiny', dict(FEW_PIXELS, **{'model.encoder.position': 'rope'})),
        'edges, no color': ('pixels_tiny', dict(FEW_PIXELS, **{'model.encoder.colour': False})),
        'edges, half as many': ('pixels_tiny', dict(FEW_PIXELS, **{'model.encoder.tokens': 64})),
        'foreground': ('pixels_tiny', dict(FEW_PIXELS, **{'model.encoder.select': 'foreground'})),
        'anywhere': ('pixels_random_tiny', FEW_PIXELS),
        'grid': ('pixels_grid_tiny', GRID),
    }),
    'split': Experiment(dict(preset='style_pairs', part='train'), 5, 750, 0.2, 12, {
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
    'words': Experiment({}, 25, 300, 0.2, 32, {
        'plain': ('siga_tiny_baseline', {}),
        'deformable': ('siga_tiny_baseline_dcn', {}),
        'grouping': ('hsg_tiny_joint', {}),
    }),
    'split_words': Experiment({}, 25, 400, 0.2, 12, {
        'reading alone': ('disentangled_siga_tiny', ALONE),
        'style and content': ('disentangled_siga_tiny', {}),
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


def words(config: Config, seed: int, work_dir: Path) -> None:
    """Real words to train and to test on, and a packaged trunk to begin with; or pairs of rendered
    ones, from what the config begins with."""
    kinds = Config.fromfile(CONFIGS / '_base_/datasets/real_words_kinds.py')
    config.val_dataloader.dataset = dict(kinds.kinds_val, pipeline=config.test_pipeline)
    config.val_evaluator = [
        dict(type='WordProtocolMetric'), dict(type='CharacterErrorMetric'), kinds.kinds_evaluator]
    if 'style_pairs_scene' in config:
        config.train_dataloader.dataset = dict(
            config.style_pairs_scene, seed=1 + seed, dictionary=config.dictionary)
        return
    config.train_dataloader.dataset = dict(
        type='CheckedTextDataset', dictionary=config.dictionary, pipeline=config.train_pipeline,
        dataset=dict(type='ConcatDataset', datasets=kinds.kinds_train_list, verify_meta=False))
    config.train_dataloader.sampler = kinds.kinds_sampler
    config.load_from = str(work_dir / 'trunk.pth')
    reader = torch.load(find_packaged('siga_tiny_words').weights, weights_only=True)['state_dict']
    torch.save({name: value for name, value in reader.items()
                if name.startswith(('backbone.', 'encoder.'))}, config.load_from)


def numbers(config: Config, name: str, steps: int, seed: int, count: int,
            size: tuple[int, int] | None) -> None:
    """Rendered numbers to train and ``count`` others to test on."""
    look, longest, _, _, batch, _, tested = EXPERIMENTS[name]
    warped = name == 'shapes'
    config.train_dataloader.dataset = drawn(
        config.train_pipeline, look, longest, batch * steps, 1 + seed, warped, size)
    ends = [longest // 3, 2 * longest // 3]
    if tested:
        ends.append(longest)
    if name == 'split':
        pairs = dict(config.train_dataloader.dataset, type='RenderedPairDataset')
        config.train_dataloader.dataset = dict(pairs, dictionary=config.dictionary)
        config.style_pairs, look = pairs, dict(look, part='test')  # as disentangle.py needs them
    config.val_dataloader.dataset = drawn(
        config.test_pipeline, look, tested or longest, count, 0, warped, size)
    config.val_evaluator = [
        dict(type='WordProtocolMetric'), dict(type='CharacterErrorMetric', lengths=ends)]


def experiment(name: str, arm: str, seed: int, args: argparse.Namespace) -> Config:
    """The config of one run."""
    chosen = EXPERIMENTS[name]
    steps, lr, (config, changes, *start) = args.steps or chosen.steps, args.lr, chosen.arms[arm]
    weights = None
    if start:
        weights = str(folder(args, *start, seed) / f'iter_{steps}.pth')
        steps, lr = max(1, steps // 3), lr / 2
    config = read_config(CONFIGS / f'{config}.py')
    config.load_from = weights
    config.merge_from_dict(changes)
    config.dictionary = dict(config.dictionary, with_padding=True)
    if config.model.type != 'DisentangledRecognizer':
        config.model.decoder = dict(type='CTCDecoder', dictionary=config.dictionary,
                                    in_channels=128, mask_padding=True)
    if chosen.look:
        numbers(config, name, steps, seed, args.numbers, changes.get('model.encoder.img_size'))
    else:
        words(config, seed, args.work_dir)
    config.train_dataloader.batch_size = chosen.batch
    config.train_dataloader.pop('batch_sampler', None)
    # The rate falls when they read.
    warm_up = max(1, int(chosen.rise * steps))
    fall = max(warm_up, 7 * steps // 10)
    config.param_scheduler = [
        dict(type='LinearLR', start_factor=0.05, end=warm_up, by_epoch=False),
        dict(type='CosineAnnealingLR', eta_min_ratio=0.01, begin=fall, end=steps,
             T_max=steps - fall, by_epoch=False)]
    config.optim_wrapper.optimizer.lr = lr
    config.train_cfg = dict(type='IterBasedTrainLoop', max_iters=steps, val_begin=steps + 1)
    config.randomness = dict(seed=seed)
    config.work_dir = str(folder(args, arm, seed))
    config.experiment_name = f'{args.work_dir.name}_{arm}_{seed}'
    return config


def run(config: Config) -> dict[str, float]:
    """Train, if the weights are not there, and test under protocol 36."""
    trained = Path(config.work_dir, f'iter_{config.train_cfg.max_iters}.pth')
    runner = Runner.from_cfg(config)
    if trained.is_file():
        runner.load_checkpoint(str(trained))
    else:
        runner.train()
    figures = {}
    for name, value in sorted(runner.val_loop.run().items()):
        name, ignoring, _ = name.replace('recog/', '').partition('_ignore_case_symbol')
        if name.endswith(('word_acc', '1-N.E.D')) or ignoring:  # the latter comes later and counts
            figures[name] = value
    return figures


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
    arms = EXPERIMENTS[args.experiment].arms
    check_arms(args, arms)
    for seed in args.seeds:
        for arm in args.arms or arms:
            if any(row[:2] == [arm, seed] for row in results):
                continue
            config = experiment(args.experiment, arm, seed, args)
            if args.amp:
                config.optim_wrapper.type = 'AmpOptimWrapper'
            results.append([arm, seed, run(config)])
            record.write_text(json.dumps(results, indent=1), 'utf-8')
            (args.work_dir / 'table.md').write_text(table(results), 'utf-8')
    print(table(results))
    return 0


if __name__ == '__main__':
    run_tool(main)
