"""Time the data of a training: words drawn on the fly, or read from a database.

    python tools/benchmarks/word_loading.py --workers 0 1 2
    python tools/benchmarks/word_loading.py --lmdb data/words/train --workers 2 --seconds 300
    python tools/benchmarks/word_loading.py configs/siga_tiny.py --stages

A row gives images in a second through the training pipeline of the config, without workers also in
a second of processor time, which other programs disturb less; and the memory of all processes,
shared pages counted once, after a quarter of the time and near the end. How fast a model is trained
tells train.py.

With --stages the pipeline reads image files (real words where there are any in $SIGA_DATA, else
drawn ones) in one process, and a row gives the processor time of a transform.
"""
from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import common
import cv2
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmocr.registry import DATASETS
from torch.utils.data import DataLoader

from mmocr_siga.cli import run_tool


class Row(NamedTuple):
    """One measurement."""
    workers: int
    images: int
    seconds: float
    processor: float | None  # seconds, without workers alone
    memory: tuple[float, float]  # MiB after a quarter and near the end, NaN if not known

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


def measure(dataset: Any, workers: int, batch_size: int, seconds: float) -> Row:
    """Read batches for some time, or what the set has."""
    loader = DataLoader(dataset, batch_size, shuffle=True, num_workers=workers,
                        collate_fn=pseudo_collate, worker_init_fn=_one_thread)
    iterator = iter(loader)
    pids = [os.getpid(), *(w.pid for w in getattr(iterator, '_workers', []))]
    # Starting the workers and filling their queues does not count.
    for _ in range(min(2 * max(workers, 1), len(loader) - 1)):
        next(iterator)
    images, memory = 0, [float('nan')]
    start, spent = time.perf_counter(), time.process_time()
    looked = start
    for batch in iterator:
        images += len(batch['inputs'])
        now = time.perf_counter()
        # Not at once: what is kept for good is filled first. And now and then, since the workers
        # are gone when all has been read.
        if now - start >= seconds / 4 and (len(memory) == 1 or now - looked >= 0.5):
            memory.append(used_memory(pids))
            looked = now
        if now - start >= seconds:
            break
    duration, spent = time.perf_counter() - start, time.process_time() - spent
    return Row(workers, images, duration, None if workers else spent,
               (memory[min(1, len(memory) - 1)], memory[-1]))


def _one_thread(_: int) -> None:
    cv2.setNumThreads(1)


def time_stages(transforms: Sequence[Any], infos: Sequence[dict], rounds: int,
                batch_size: int) -> list[tuple[str, float]]:
    """Processor time of each transform of a pipeline, and of making batches of what it gives.

    ``infos`` are what the pipeline begins with, a dict for each word. A round before the others
    does not count.
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
            for name, duration in [
                *stages, (f'all: {images / total:,.0f} images/s of a core', total)]]
    return common.table(['stage', 'us an image', 'share'], rows)


def run_stages(args: argparse.Namespace, cfg: Config, rounds: int = 5) -> None:
    """Print the table of stages."""
    words, source = common.find_words(args.words, 'train')
    stages = time_stages(common.build_pipeline(cfg, 'train').transforms,
                         [common.word_info(word) for word in words], rounds, args.batch_size)
    about = common.head(common.environment(torch.device('cpu')))
    print(f'{about}, words {source}, rounds {rounds}\n')
    print(stage_table(stages, rounds * len(words)))


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('config', nargs='?', default=str(common.ROOT / 'configs' / 'siga_tiny.py'),
        help='whose pipeline and model are used (default: siga_tiny)')
    add('--lmdb', type=Path, help='database to read (default: draw words)')
    add('--fonts', nargs='+', help='font folders or files (default: installed fonts)')
    add('--workers', type=int, nargs='+', default=[0, 1], help='default: 0 1')
    add('--batch-size', type=common.positive, default=64, help='default: %(default)s')
    add('--seconds', type=float, default=20, help='for each row (default %(default)s)')
    add('--stages', action='store_true', help='time the transforms of the pipeline instead')
    add('--words', type=common.positive, default=500, help='of --stages (default %(default)s)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    cfg = common.load_config(args.config)
    cv2.setNumThreads(1)
    if args.stages:
        run_stages(args, cfg)
        return 0
    source = dict(type='RenderedWordDataset', fonts=args.fonts, dictionary=cfg.dictionary)
    if args.lmdb is not None:
        source = dict(type='WordLMDBDataset', ann_file=str(args.lmdb), min_length=1, max_length=25)
    dataset = DATASETS.build(dict(source, pipeline=cfg.train_pipeline))
    rows = [measure(dataset, workers, args.batch_size, args.seconds) for workers in args.workers]
    print(common.table(
        ['workers', 'images/s', 'images/s of a core', 'images', 'memory (MiB)'],
        [[str(row.workers), f'{row.images / row.seconds:.0f}', f'{row.core_rate:.0f}',
          f'{row.images:,}', '{:.0f} to {:.0f}'.format(*row.memory)] for row in rows]))
    return 0


if __name__ == '__main__':
    run_tool(main)
