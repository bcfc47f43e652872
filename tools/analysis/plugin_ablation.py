"""What plug-ins do for a recognizer: word accuracy, and whether its attention looks where it reads.

    python tools/analysis/plugin_ablation.py --steps 3000 --work-dir work_dirs/plugin_ablation
    python tools/analysis/plugin_ablation.py --configs configs/plugins/nrtr_tiny_plugged.py \\
        --variants base sec_max --seeds 0 --steps 20

Every config names both plug-ins, `sec` and `glyph`; a variant keeps some of them. All variants of a
config start from the same weights of the base recognizer and see the same words in the same order
for as many steps. With --easy those weights are its own, trained once a seed on easy rendered
words. Trained and tested on real words ($SIGA_DATA, docs/guides/data.md), beside rendered ones if
they are given. Each run is a process of its own, one after the other, and leaves a result.json;
runs that have one are not run again. The table is written after every run.

Attention is measured on words with character boxes (char_boxes.tsv of iiit5k_train and ic03_train),
teacher-forced, those of val.tsv apart from those of train.tsv, whose boxes no run has seen either:
share, the share of a character's attention inside its box, and drift, how often the cell with the
most attention has no part in it. IC03 has cuts between characters instead of boxes: its boxes are
as high as the word.
"""
from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from boxed_words import boxed_words
from mmengine.config import Config, ConfigDict
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

import mmocr_siga  # noqa: F401  (registers what the configs name)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.compat.configs import read_config
from mmocr_siga.evaluation.attention_correctness import attention_in_boxes
from mmocr_siga.models.plugins import teacher_forced_attention

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = [ROOT / 'configs' / 'plugins' / f'{name}_tiny_plugged.py' for name in ('sar', 'nrtr')]
DATA = ROOT / 'configs' / '_base_' / 'datasets' / 'real_words.py'
SPLITS = ('val', 'train')

# Variant -> plug-ins kept, with the changes made to them.
VARIANTS: dict[str, dict[str, dict]] = {
    'base': {},
    'sec_noisy_or': dict(sec=dict(pooling='noisy_or', loss_weight=1.0)),
    'sec_max': dict(sec=dict(pooling='max', loss_weight=1.0)),
    'sec_lse': dict(sec=dict(pooling='lse', loss_weight=1.0)),
    'glyph': dict(glyph=dict(loss_weight=1.0)),
    'both': dict(sec=dict(pooling='noisy_or', loss_weight=1.0), glyph=dict(loss_weight=1.0)),
    'glyph_features': dict(glyph=dict(feed=True, loss_weight=1.0)),
    'both_features': dict(sec=dict(pooling='noisy_or', loss_weight=1.0),
                          glyph=dict(feed=True, loss_weight=1.0)),
    'sec_light': dict(sec=dict(pooling='noisy_or', loss_weight=0.1)),
    'glyph_light': dict(glyph=dict(loss_weight=0.1)),
    'both_light': dict(sec=dict(pooling='noisy_or', loss_weight=0.1), glyph=dict(loss_weight=0.1)),
}
DEFAULT_VARIANTS = list(VARIANTS)[:6]


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('--configs', type=Path, nargs='+', default=CONFIGS, help='default: narrow SAR, small NRTR')
    add('--variants', nargs='+', choices=VARIANTS, default=DEFAULT_VARIANTS, metavar='NAME',
        help=f'of {", ".join(VARIANTS)} (default: {" ".join(DEFAULT_VARIANTS)})')
    add('--seeds', type=int, nargs='+', default=[0, 1, 2], help='default: 0 1 2')
    add('--steps', type=positive, default=3000, help='training steps (default %(default)s)')
    add('--batch-size', type=positive, default=64, help='default: %(default)s')
    add('--lr', type=float, default=1e-3, help='highest learning rate (default %(default)s)')
    add('--easy', type=Path, help='folder of LMDB words to begin with (tools/data/synthesize.py)')
    add('--easy-steps', type=positive, default=1000,
        help='steps of the base recognizer on them (default %(default)s)')
    add('--rendered', type=Path, help='folder of LMDB words to mix with the real ones')
    add('--workers', type=int, default=1, help='processes that load words (default %(default)s)')
    add('--threads', type=positive, default=1, help='CPU threads of a run (default %(default)s)')
    add('--amp', action='store_true', help='train in bfloat16')
    add('--max-words', type=int, help='test on the first words of each set only')
    add('--work-dir', type=Path, default=Path('work_dirs/plugin_ablation'))
    args = parser.parse_args(argv)
    for path in [*args.configs, *filter(None, (args.easy, args.rendered))]:
        if not path.exists():
            parser.error(f'{str(path)!r} does not exist')
    return args


def variant_config(path: Path, variant: str) -> Config:
    """A config with the plug-ins of one variant, of those that it names."""
    cfg = read_config(path)
    kept = {}
    for name, changes in VARIANTS[variant].items():
        if name not in cfg.model.get('plugins', {}):
            raise ValueError(f'{path} has no plug-in {name!r}')
        kept[name] = ConfigDict(cfg.model.plugins[name], **changes)
    cfg.model.plugins = ConfigDict(kept)
    return cfg


def words(cfg: Config, members: list[dict], pipeline: list) -> dict:
    """A training set of the words that the recognizer's dictionary can spell."""
    loss = cfg.model.decoder.module_loss
    return dict(
        type='CheckedTextDataset',
        dictionary=cfg.model.decoder.dictionary,
        letter_case=loss.get('letter_case', 'unchanged'),
        # A start and an end token take two of its steps.
        max_seq_len=min(25, cfg.model.decoder.max_seq_len - 2),
        pipeline=pipeline,
        dataset=dict(type='ConcatDataset', datasets=members, verify_meta=False))


def mixed_words(cfg: Config, args: argparse.Namespace) -> dict:
    """Training set of the real words and, about as many of them, the rendered ones."""
    real = list(Config.fromfile(DATA).real_words_train_list)
    if args.rendered is not None:
        # In about equal parts, as configs/siga_tiny_mixed.py.
        real = [_lmdb(args.rendered), dict(
            type='RepeatDataset', times=20,
            dataset=dict(type='ConcatDataset', datasets=real, verify_meta=False))]
    return words(cfg, real, cfg.train_pipeline)


def _lmdb(folder: Path) -> dict:
    return dict(type='WordLMDBDataset', ann_file=str(folder / 'train'), pipeline=None)


def run_config(cfg: Config, dataset: dict, steps: int, seed: int, args: argparse.Namespace,
               work_dir: Path, load_from: Path | None = None) -> Config:
    data = Config.fromfile(DATA)
    workers = dict(num_workers=args.workers, persistent_workers=args.workers > 0)
    test = [dict(member, indices=args.max_words) if args.max_words else member
            for member in data.real_words_val_list]
    optimizer = dict(type='AdamW', lr=args.lr, weight_decay=1e-4)
    return Config(dict(
        model=cfg.model, work_dir=str(work_dir), load_from=load_from and str(load_from),
        default_scope='mmocr', log_level='WARNING', randomness=dict(seed=seed),
        experiment_name=f'{work_dir.name}_{steps}_{time.time_ns()}',
        custom_imports=dict(imports=['mmocr_siga'], allow_failed_imports=False),
        env_cfg=dict(mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0)),
        train_dataloader=dict(
            batch_size=args.batch_size, drop_last=True, dataset=dataset,
            sampler=dict(type='InfiniteSampler', shuffle=True), **workers),
        test_dataloader=dict(
            batch_size=64, sampler=dict(type='DefaultSampler', shuffle=False), num_workers=0,
            dataset=dict(type='ConcatDataset', datasets=test, pipeline=cfg.test_pipeline,
                         verify_meta=False)),
        test_evaluator=dict(type='WordProtocolMetric', protocols=['36']),
        test_cfg=dict(type='TestLoop'),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=steps),
        optim_wrapper=dict(
            type='AmpOptimWrapper' if args.amp else 'OptimWrapper', optimizer=optimizer,
            constructor='DeferredOptimWrapperConstructor',
            clip_grad=dict(max_norm=5), **(dict(dtype='bfloat16') if args.amp else {})),
        param_scheduler=[dict(type='OneCycleLR', eta_max=args.lr, total_steps=steps,
                              pct_start=0.15, div_factor=20, final_div_factor=100,
                              by_epoch=False)],
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=50),
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=10**9,
                            save_last=False)),
        log_processor=dict(type='LogProcessor', window_size=50, by_epoch=False)))


def warm_base(path: Path, seed: int, args: argparse.Namespace) -> Path | None:
    """Weights of the bare recognizer after the easy words, trained unless they are there."""
    if args.easy is None:
        return None
    folder = args.work_dir / path.stem / 'easy' / f'seed{seed}'
    file = folder / 'base.pth'
    if not file.is_file():
        cfg = variant_config(path, 'base')
        plain = [t for t in cfg.train_pipeline if not t['type'].startswith('Random')]
        runner = Runner.from_cfg(run_config(cfg, words(cfg, [_lmdb(args.easy)], plain),
                                            args.easy_steps, seed, args, folder))
        runner.train()
        part = file.with_name('base.pth.part')
        torch.save(dict(state_dict=runner.model.state_dict()), part)
        part.replace(file)
    return file


def run(path: Path, variant: str, seed: int, folder: Path, args: argparse.Namespace) -> float:
    """Train and measure one variant, and write its result: word accuracy."""
    torch.set_num_threads(args.threads)
    init_default_scope('mmocr')
    start_from = warm_base(path, seed, args)
    cfg, start = variant_config(path, variant), time.monotonic()
    runner = Runner.from_cfg(run_config(cfg, mixed_words(cfg, args), args.steps, seed, args, folder,
                                        start_from))
    runner.train()
    trained = time.monotonic() - start
    metrics = runner.test()
    torch.save(dict(state_dict=runner.model.state_dict()), folder / 'weights.pth')
    result = dict(
        config=path.stem, variant=variant, seed=seed, settings=settings(args),
        accuracy=metrics['recog/word_acc_ignore_case_symbol'], ned=metrics['recog/1-N.E.D'],
        attention=attention_correctness(runner.model, cfg, args), seconds=trained,
        torch=torch.__version__, parameters=sum(p.numel() for p in runner.model.parameters()))
    write(folder / 'result.json', json.dumps(result, indent=2))
    return result['accuracy']


def settings(args: argparse.Namespace) -> dict:
    names = ('steps', 'batch_size', 'lr', 'easy_steps', 'amp', 'max_words', 'easy',
             'rendered')
    values = {name: getattr(args, name) for name in names}
    return {name: str(value) if isinstance(value, Path) else value
            for name, value in values.items()}


def attention_correctness(model: torch.nn.Module, cfg: Config,
                          args: argparse.Namespace) -> dict | None:
    """Share and drift of the attention on both splits, None where a rectifier moves the pixels."""
    if getattr(model, 'with_preprocessor', False):
        return None
    root = Path(Config.fromfile(DATA).real_words_root).parent
    pipeline = Compose(cfg.test_pipeline)
    out = {}
    for split in SPLITS:
        listed = boxed_words(root, split, args.max_words)
        pairs = [pair for i in range(0, len(listed), 64)
                 for pair in measure_batch(model, pipeline, listed[i:i + 64])]
        share, drift = (np.concatenate(column) for column in zip(([], []), *pairs))
        out[split] = dict(words=len(listed), characters=len(share),
                          share=float(share.mean()) if len(share) else None,
                          drift=float(drift.mean()) if len(drift) else None)
    return out


def measure_batch(model: torch.nn.Module, pipeline: Compose,
                  listed: Sequence[tuple[Path, str, np.ndarray]]) -> Iterator[tuple]:
    packed = [pipeline(dict(img_path=str(path), instances=[dict(text=text)]))
              for path, text, _ in listed]
    data = model.data_preprocessor(pseudo_collate(packed), False)
    attention = teacher_forced_attention(model, data['inputs'], data['data_samples'])
    attention = attention.float().cpu().numpy()
    loss = model.decoder.module_loss
    known = loss.dictionary.dict
    for maps, sample, (_, text, boxes) in zip(attention, data['data_samples'], listed):
        if loss.letter_case != 'unchanged':
            text = getattr(text, loss.letter_case)()
        # The steps that read letters and digits; those of a cut word that are left.
        steps = [i for i, c in enumerate(c for c in text if c in known) if c.isalnum()]
        boxes = boxes[:len(steps)] * np.array([sample.get('valid_ratio', 1), 1] * 2)
        steps = [step for step in steps if step < len(maps)]
        yield attention_in_boxes(maps[steps], boxes[:len(steps)])


def summarize(results: Sequence[dict]) -> str:
    """A table of all runs; each number is mean +- standard deviation over the seeds."""
    lines = []
    for config in dict.fromkeys(r['config'] for r in results):
        rows = [r for r in results if r['config'] == config]
        lines += [f'### {config}', '',
                  '| variant | seeds | word accuracy, % | against base | 1 - NED, % '
                  '| share, % (val) | drift, % (val) | share, % (train) | drift, % (train) '
                  '| min a run |', '|' + '---|' * 10]
        base = {r['seed']: r['accuracy'] for r in rows if r['variant'] == 'base'}
        for variant in dict.fromkeys(r['variant'] for r in rows):
            lines.append(_row(variant, [r for r in rows if r['variant'] == variant], base))
        lines.append('')
    return '\n'.join(lines)


def cell(values: Sequence[float | None], sign: str = '') -> str:
    """Mean and standard deviation in %; None is left out."""
    values = [100 * value for value in values if value is not None]
    if not values:
        return '-'
    deviation = statistics.stdev(values) if len(values) > 1 else 0
    return f'{statistics.fmean(values):{sign}.1f} ± {deviation:.1f}'


def _row(variant: str, rows: Sequence[dict], base: dict[int, float]) -> str:
    gains = [r['accuracy'] - base[r['seed']] for r in rows if r['seed'] in base]
    cells = [variant, ' '.join(str(r['seed']) for r in rows), cell([r['accuracy'] for r in rows]),
             '' if variant == 'base' else cell(gains, '+'), cell([r['ned'] for r in rows])]
    for split in SPLITS:
        for name in ('share', 'drift'):
            cells.append(cell([r['attention'] and r['attention'][split][name] for r in rows]))
    cells.append(f'{statistics.fmean(r["seconds"] for r in rows) / 60:.1f}')
    return '| ' + ' | '.join(cells) + ' |'


def collect(args: argparse.Namespace) -> list[dict]:
    out = []
    for _, _, _, folder in planned(args):
        file = folder / 'result.json'
        if file.is_file():
            result = json.loads(file.read_text(encoding='utf-8'))
            if result['settings'] != settings(args):
                raise ValueError(f'{file} was made with other settings, {result["settings"]}: '
                                 'choose another --work-dir')
            out.append(result)
    return out


def planned(args: argparse.Namespace) -> Iterator[tuple[Path, str, int, Path]]:
    """Config, variant, seed and folder of every run; a seed is finished before the next."""
    for seed in args.seeds:
        for path in args.configs:
            for variant in args.variants:
                yield path, variant, seed, args.work_dir / path.stem / variant / f'seed{seed}'


def write(path: Path, text: str) -> None:
    """Write a file at once, so that a run cut short leaves none that is half written."""
    part = path.with_name(path.name + '.part')
    part.write_text(text, encoding='utf-8')
    part.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing and write the table; 1 if a run failed."""
    args = parse_args(argv)
    collect(args)  # settings that differ are told before hours of work
    failed = 0
    for path, variant, seed, folder in planned(args):
        if (folder / 'result.json').is_file():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        print(f'{path.stem}, {variant}, seed {seed}', flush=True)
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
            try:
                accuracy = pool.submit(run, path, variant, seed, folder, args).result()
            except Exception as error:  # the other runs go on
                failed += 1
                print(f'  failed: {type(error).__name__}: {error}', flush=True)
                continue
        print(f'  word accuracy {100 * accuracy:.1f} %', flush=True)
        results = collect(args)
        write(args.work_dir / 'results.json', json.dumps(results, indent=2))
        write(args.work_dir / 'results.md', summarize(results))
    print(summarize(collect(args)))
    return 1 if failed else 0


if __name__ == '__main__':
    run_tool(main)
