"""What ODM's pre-training is good for, on a CPU.

    python tools/experiments/odm.py obedience --work-dir work_dirs/odm_obedience
    python tools/experiments/odm.py worth --work-dir work_dirs/odm_worth

`obedience` trains configs/odm/odm_tiny.py without the perceptual loss, with one of random weights
and with the packaged reader's, and tells whether 200 held-out scenes are drawn as asked for
(tools/analysis/prompt_obedience.py); with --plain these are scenes of two words (plain_scenes.py),
which are learned in minutes. `worth` trains a small DBNet on 30 real scenes and tests it on
the 30 others, both ways round: from nothing; from a DBNet trained on the rendered scenes that ODM
learns from, as long; from ODM without and with the perceptual loss. hmean at IoU 0.5; two words are
about a point. With --spotter each DBNet goes on in siga_spotter_tiny, before a reader, tested end
to end.

Every run is a process of its own, one after the other; what has a result is not run again. The
table is written after every run. --steps and --fine-steps shorten all runs, to see that they run.
"""
from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from mmengine.config import Config
from plain_scenes import WORDS

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config

ROOT = Path(__file__).resolve().parents[2]
ODM = 'configs/odm/odm_tiny.py'
# Arm -> changes of the config.
PERCEPTUAL = {
    'none': ['model.loss_glyph=None'],
    'random': ['model.loss_glyph.type=GlyphPerceptualLoss', 'model.loss_glyph.trained=False'],
    'reader': [],
}
# Arm -> config of the training before, and its changes.
ARMS = {
    'scratch': (None, []),
    'supervised': ('configs/odm/dbnet_tiny_rendered.py', []),
    'odm_ink': (ODM, ['model.loss_glyph=None']),
    'odm': (ODM, []),
}
PARTS = ('test', 'train')  # that is tested on
SPOTTER = 'configs/spotting/siga_spotter_tiny.py'
SCENES = 30  # of the 60, tested on


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('experiment', choices=('obedience', 'worth'))
    add('--work-dir', type=Path, required=True)
    add('--arms', nargs='+', choices=sorted({*ARMS, *PERCEPTUAL}), help='default: all')
    add('--seeds', type=int, nargs='+', default=[0, 1, 2], help='default: 0 1 2')
    add('--steps', type=positive, default=2000, help='before (default: %(default)s)')
    add('--fine-steps', type=positive, default=800, help='of the DBNet (default: %(default)s)')
    add('--plain', action='store_true', help='obedience: scenes of two plain words')
    add('--scenes', type=positive, default=200, help='held out (default: %(default)s)')
    add('--amp', action='store_true', help='train in mixed precision: bfloat16 on a CPU')
    add('--spotter', metavar='WEIGHTS', help='train siga_spotter_tiny, too, with the weights of '
        'this reader (a checkpoint of siga_tiny)')
    add('--spotter-steps', type=positive, default=200, help='default: %(default)s')
    return parser.parse_args(argv)


def train(config: str | Path, folder: Path, seed: int, steps: int, changes: Sequence[str],
          args: argparse.Namespace, validated: bool = False) -> Path:
    """Train a config, unless that was done, and test it at its end; gives its last checkpoint."""
    last = folder / f'iter_{steps}.pth'
    if last.is_file():
        return last
    warm_up = min(100, max(1, steps // 10))
    options = [f'randomness.seed={seed}', f'train_cfg.max_iters={steps}',
               f'default_hooks.checkpoint.interval={steps}',
               f'param_scheduler.0.end={warm_up}', f'param_scheduler.1.begin={warm_up}',
               f'param_scheduler.1.end={steps}', f'param_scheduler.1.T_max={steps - warm_up}',
               f'train_cfg.val_interval={steps}',
               f'train_cfg.val_begin={steps + (not validated)}', *changes]
    run('tools/train.py', ROOT / config, '--work-dir', folder, '--resume', *['--amp'] * args.amp,
        '--cfg-options', *options)
    return last


def run(tool: str, *options: object) -> None:
    """A tool as a process of its own, which finds the datasets of this folder."""
    paths = [str(Path(__file__).parent), *filter(None, [os.environ.get('PYTHONPATH')])]
    subprocess.run([sys.executable, str(ROOT / tool), *map(str, options)], check=True, cwd=ROOT,
                   env=dict(os.environ, PYTHONPATH=os.pathsep.join(paths)))


def last_score(folder: Path, name: str) -> float:
    """The last figure of that name that a run has logged."""
    found = []
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            found += [float(value) for key, value in json.loads(line).items() if key == name]
    if not found:
        raise ValueError(f'{folder} has logged no {name}')
    return found[-1]


def plain_config(folder: Path) -> Path:
    """configs/odm/odm_tiny.py for scenes of two plain words; decoys are words of others."""
    config, lexicon = read_config(ROOT / ODM), folder / 'words.txt'
    lexicon.write_text('\n'.join(WORDS))
    config.custom_imports.imports.append('plain_scenes')
    loaders = (config.train_dataloader, config.val_dataloader, config.test_dataloader)
    for seed, loader in enumerate(loaders):
        pipeline = [t for t in loader.dataset.pipeline if t.type != 'RandomSceneWindow']
        for transform in pipeline:
            if transform.type == 'TextPrompt':
                transform.update(drop=(0.5, 0.5), noise=(0.5, 0.5), prob=0.7, decoys='lexicon',
                                 lexicon=str(lexicon.resolve()))
        loader.dataset = dict(type='PlainSceneDataset', seed=seed, pipeline=pipeline)
    config.train_dataloader.batch_size = 16
    config.dump(folder / 'odm_plain.py')
    return (folder / 'odm_plain.py').resolve()


def obedience_runs(args: argparse.Namespace) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Arm, seed and figures."""
    config = plain_config(args.work_dir) if args.plain else ODM
    for seed in args.seeds:
        for arm in args.arms or PERCEPTUAL:
            folder = args.work_dir / f'{arm}_{seed}'
            weights = train(config, folder, seed, args.steps, PERCEPTUAL[arm], args)
            result = folder / 'obedience.json'
            if not result.is_file():
                run('tools/analysis/prompt_obedience.py', ROOT / config, weights.resolve(),
                    '--scenes', args.scenes, '--json', result.resolve(), '--draw',
                    folder.resolve() / 'sheets')
            yield arm, seed, json.loads(result.read_text())


def worth_runs(args: argparse.Namespace) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Arm, seed and hmean, the mean of both ways round."""
    for seed in args.seeds:
        for arm in args.arms or ARMS:
            config, changes = ARMS[arm]
            start = None if config is None else train(
                config, args.work_dir / f'{arm}_{seed}' / 'before', seed, args.steps, changes, args)
            hmean = statistics.mean(_tested(args, arm, seed, part, start) for part in PARTS)
            yield arm, seed, dict(hmean=hmean, **_spotted(args, arm, seed))


def _tested(args: argparse.Namespace, arm: str, seed: int, part: str, start: Path | None) -> float:
    folder = args.work_dir / f'{arm}_{seed}' / f'tested_on_{part}'
    other = PARTS[1 - PARTS.index(part)]
    train('configs/odm/dbnet_tiny_from_odm.py', folder, seed, args.fine_steps, [
        f'default_hooks.warm_start.checkpoint={start and start.resolve()}',
        f'train_dataloader.dataset.part={other}', f'val_dataloader.dataset.part={part}'],
        args, validated=True)
    return last_score(folder, 'icdar/hmean')


def _spotted(args: argparse.Namespace, arm: str, seed: int) -> dict[str, float]:
    """The arm's DBNet and a reader trained on together, tested on the scenes that neither knows."""
    if not args.spotter:
        return {}
    folder = args.work_dir / f'{arm}_{seed}' / 'spotter'
    config = Config.fromfile(ROOT / SPOTTER)
    detector = args.work_dir / f'{arm}_{seed}' / f'tested_on_{PARTS[0]}'
    config.default_hooks.warm_start = dict(
        type='WarmStartHook', checkpoint=str((detector / f'iter_{args.fine_steps}.pth').resolve()),
        parts={part: part for part in ('backbone.', 'neck.', 'det_head.')})
    config.model.rec_head.weights = str(Path(args.spotter).resolve())
    for loader in (config.train_dataloader, config.val_dataloader):
        loader.dataset.test_count = SCENES
    folder.mkdir(parents=True, exist_ok=True)
    config.dump(folder / 'spotter.py')
    train(folder.resolve() / 'spotter.py', folder, seed, args.spotter_steps, [], args,
          validated=True)
    return dict(end_to_end=last_score(folder, 'e2e/hmean'))


def table(results: Sequence[tuple[str, int, dict[str, float]]]) -> str:
    """A row for each arm: mean and, of several seeds, standard error of each figure."""
    names = list(dict.fromkeys(name for *_, figures in results for name in figures))
    lines = ['| arm | seeds | ' + ' | '.join(names) + ' |', '|---' * (len(names) + 2) + '|']
    for arm in dict.fromkeys(arm for arm, *_ in results):
        rows = [figures for name, _, figures in results if name == arm]
        cells = []
        for name in names:
            values = [row[name] for row in rows]
            error = (f' ± {statistics.stdev(values) / len(values) ** 0.5:.3f}'
                     if len(values) > 1 else '')
            cells.append(f'{statistics.mean(values):.3f}{error}')
        lines.append(f'| {arm} | {len(rows)} | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def check_arms(args: argparse.Namespace, known: Collection[str]) -> None:
    """A ValueError if ``--arms`` names one that the experiment does not have."""
    if unknown := set(args.arms or ()) - set(known):
        raise ValueError(f'{args.experiment} has no arm {sorted(unknown)}: choose of {list(known)}')


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    check_arms(args, PERCEPTUAL if args.experiment == 'obedience' else ARMS)
    args.work_dir.mkdir(parents=True, exist_ok=True)
    results = []
    for found in (obedience_runs if args.experiment == 'obedience' else worth_runs)(args):
        results.append(found)
        (args.work_dir / 'table.md').write_text(table(results))
    print(table(results))
    return 0


if __name__ == '__main__':
    run_tool(main)
