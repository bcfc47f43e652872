"""Time the data of a training: words drawn on the fly, or read from a database.

    python tools/benchmarks/word_loading.py --workers 0 1 2
    python tools/benchmarks/word_loading.py --lmdb data/words/train --workers 2 --epoch
    python tools/benchmarks/word_loading.py --train-steps 20
    python tools/benchmarks/word_loading.py configs/siga_tiny.py --stages

A row gives images in a second through the training pipeline of the config, without workers also in
a second of processor time, which other programs disturb less; and the memory of all processes,
shared pages counted once, after a quarter of it and near the end. With --train-steps the model of
the config is trained on one batch in bfloat16, to tell which part of a machine's work the data are.

With --stages the training pipeline of the config reads image files (real words where there are any
in $SIGA_DATA, else drawn ones) in one process, and a row gives the processor time of a transform.
"""
from __future__ import annotations

import argparse
import copy
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import torch
from common import (
    ROOT,
    build_model,
    build_pipeline,
    environment,
    find_words,
    head,
    load_config,
    table,
    word_info,
)
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader


@dataclass
class Row:
    """One measurement; processor time without workers alone, memory in MiB, NaN if not known."""
    workers: int
    images: int
    seconds: float
    processor: float | None
    memory: tuple[float, float]  # after a quarter and near the end

    @property
    def core_rate(self) -> float:
        """Images in a second of one core."""
        return self.images / (self.processor or self.seconds * max(self.workers, 1))


def used_memory(pids: Sequence[int]) -> float:
    """Memory of processes in MiB, shared pages divided among them; NaN where it is not known.

    Without pages of files: those of a database stay in memory as long as nobody else needs it.
    """
    total = 0
    for pid in pids:
        try:
            lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
        except OSError:
            return float('nan')
        total += sum(int(line.split()[1]) for line in lines
                     if line.startswith(('Pss_Anon:', 'Pss_Shmem:')))
    return total / 1024


def measure(dataset: Any, workers: int, batch_size: int, seconds: float, epoch: bool) -> Row:
    """Read batches for some time, or a whole epoch."""
    loader = DataLoader(dataset, batch_size, shuffle=True, num_workers=workers,
                        collate_fn=pseudo_collate, worker_init_fn=_one_thread)
    iterator = iter(loader)
    pids = [os.getpid(), *(w.pid for w in getattr(iterator, '_workers', []))]
    # Starting the workers and filling their queues does not count.
    for _ in range(min(2 * max(workers, 1), len(loader) - 1)):
        next(iterator)
    images, memory = 0, []
    start, spent = time.perf_counter(), time.process_time()
    looked = start
    for batch in iterator:
        images += len(batch['inputs'])
        now = time.perf_counter()
        done = images / len(dataset) if epoch else (now - start) / max(seconds, 1e-9)
        # Not at once: what is kept for good is filled first. And now and then, since the workers
        # are gone when an epoch is over.
        if done >= 0.25 and (not memory or now - looked >= 0.5):
            memory.append(used_memory(pids))
            looked = now
        if not epoch and now - start >= seconds:
            break
    duration, spent = time.perf_counter() - start, time.process_time() - spent
    return Row(workers, images, duration, None if workers else spent, (memory[0], memory[-1]))


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)


def training_rate(cfg: Config, dataset: Any, steps: int, batch_size: int) -> float:
    """Images in a second that the model is trained on, in bfloat16, on one batch."""
    model = build_model(cfg)
    optimizer = build_optim_wrapper(model, dict(cfg.optim_wrapper, type='AmpOptimWrapper'))
    batch = pseudo_collate([dataset[i] for i in range(batch_size)])
    model.train_step(batch, optimizer)
    start = time.perf_counter()
    for _ in range(steps):
        model.train_step(batch, optimizer)
    return steps * batch_size / (time.perf_counter() - start)


def time_stages(transforms: Sequence[Any], infos: Sequence[dict], rounds: int,
                batch_size: int) -> list[tuple[str, float]]:
    """Send words through a pipeline, a transform at a time; one round before does not count.

    Args:
        infos: What the pipeline begins with, a dict for each word.
        batch_size: Words in a batch, the making of which is the last stage.

    Returns:
        Each stage with its processor time.
    """
    def batched(items: list) -> list:
        return [pseudo_collate(items[i:i + batch_size]) for i in range(0, len(items), batch_size)]

    stages = [(type(t).__name__, lambda items, t=t: [t(item) for item in items])
              for t in transforms] + [('a batch of them', batched)]
    spent = [0.] * len(stages)
    for round_ in range(rounds + 1):
        items = [copy.deepcopy(info) for info in infos]
        for i, (_, stage) in enumerate(stages):
            start = time.process_time()
            items = stage(items)
            spent[i] += (time.process_time() - start) * (round_ > 0)
    return [(name, duration) for (name, _), duration in zip(stages, spent)]


def stage_table(stages: Sequence[tuple[str, float]], images: int) -> str:
    """Microseconds of each stage, its share, and images in a second of a core."""
    total = sum(duration for _, duration in stages)
    rows = [[name, f'{1e6 * duration / images:.0f}', f'{100 * duration / total:.0f} %']
            for name, duration in stages]
    rows.append([f'all: {images / total:,.0f} images/s of a core', f'{1e6 * total / images:.0f}',
                 '100 %'])
    return table(['stage', 'us an image', 'share'], rows)


def run_stages(args: argparse.Namespace, cfg: Config) -> None:
    """Print the table of stages."""
    with tempfile.TemporaryDirectory() as folder:
        words, source = find_words(args.words, Path(folder), 'train')
        infos = [word_info(word) for word in words]
        pipeline = build_pipeline(cfg, 'train').transforms
        stages = time_stages(pipeline, infos, args.rounds, args.batch_size)
    print(f'{head(environment(torch.device("cpu")))}, words {source}, rounds {args.rounds}\n')
    print(stage_table(stages, args.rounds * len(infos)))


def build_dataset(args: argparse.Namespace, cfg: Config) -> Any:
    """The data set that is timed."""
    if args.lmdb is not None:
        return DATASETS.build(dict(
            type='WordLMDBDataset', ann_file=str(args.lmdb), min_length=1, max_length=25,
            pipeline=cfg.train_pipeline))
    return DATASETS.build(dict(
        type='RenderedWordDataset', preset=args.preset, fonts=args.fonts, lexicon=args.lexicon,
        backgrounds=args.backgrounds, dictionary=cfg.dictionary, pipeline=cfg.train_pipeline))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('config', nargs='?', default=str(ROOT / 'configs' / 'siga_tiny.py'),
        help='whose pipeline and model are used (default: siga_tiny)')
    add('--lmdb', type=Path, help='database to read (default: draw words)')
    add('--preset', default='mj_st_like', help='of the words drawn (default %(default)s)')
    add('--fonts', nargs='+', help='font folders or files (default: installed fonts)')
    add('--lexicon', help='word list (default: a built-in one)')
    add('--backgrounds', help='folder of photographs (default: made-up backgrounds)')
    add('--workers', type=int, nargs='+', default=[0, 1], help='default: 0 1')
    add('--batch-size', type=int, default=64, help='default: %(default)s')
    add('--seconds', type=float, default=20, help='for each row (default %(default)s)')
    add('--epoch', action='store_true', help='read a whole epoch instead')
    add('--train-steps', type=int, default=0, help='training steps to time (default none)')
    add('--stages', action='store_true', help='time the transforms of the pipeline instead')
    add('--words', type=int, default=500, help='of --stages (default %(default)s)')
    add('--rounds', type=int, default=5, help='of --stages (default %(default)s)')
    add('--step-rate', type=float, help='images/s of training, where known, instead')
    args = parser.parse_args(argv)
    if min(args.words, args.rounds, args.batch_size) < 1:
        parser.error('--words, --rounds and --batch-size must be at least 1')
    return args


def verdict(loading: float, training: float, cores: int) -> str:
    """Which part of the work the data are, by images/s: loading by a core, training by all."""
    busy = training / loading
    slower = 1 / (1 + busy / cores)
    return (f'training alone: {training:,.0f} images/s on {cores} cores; to keep it fed takes '
            f'{busy:.2f} cores. On these cores themselves, training with this data runs at '
            f'{100 * slower:.0f} % of that; with {max(1, int(-(-busy // 1)))} more for workers, '
            'at full speed')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; 2 after a message if the data set cannot be built."""
    args = parse_args(argv)
    cfg = load_config(args.config)
    cv2.setNumThreads(1)
    if args.stages:
        run_stages(args, cfg)
        return 0
    try:
        dataset = build_dataset(args, cfg)
    except (ValueError, OSError, ImportError) as error:
        print(f'word_loading: {error}', file=sys.stderr)
        return 2
    print('| workers | images/s | images/s of a core | images | memory (MiB) |')
    print('|---|---|---|---|---|')
    rows = []
    for workers in args.workers:
        row = measure(dataset, workers, args.batch_size, args.seconds, args.epoch)
        rows.append(row)
        print(f'| {workers} | {row.images / row.seconds:.0f} | {row.core_rate:.0f} | '
              f'{row.images:,} | {row.memory[0]:.0f} to {row.memory[1]:.0f} |', flush=True)
    rate = args.step_rate
    if args.train_steps:
        rate = training_rate(cfg, dataset, args.train_steps, args.batch_size)
    if rate:
        print(verdict(rows[0].core_rate, rate, torch.get_num_threads()))
    return 0


if __name__ == '__main__':
    sys.exit(main())
