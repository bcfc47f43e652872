"""What each device of this package that spares waits for a GPU gains in a training.

    python tools/benchmarks/spared_waits.py configs/siga_r31.py --batch 64 --precision amp-bf16

MMEngine's runner trains on batches that lie ready, with its hooks and log, once with all devices
and once without each: the losses are read in every step, so are the norms of clipped gradients,
bfloat16 has a loss scaler, images are normalized one by one by MMOCR's preprocessor, which sends
the samples along, and what is sent is not pinned; and without all of them. They take turns, and a
gain is taken within a turn.
"""
from __future__ import annotations

import argparse
import copy
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import common
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader
from training_checks import on_its_own, wrapper_config

from mmocr_siga.cli import run_tool
from mmocr_siga.compat.cpu_launcher import has_accelerator
from mmocr_siga.engine.optim.deferred_amp_optim_wrapper import DeferredAmpOptimWrapper
from mmocr_siga.engine.optim.deferred_optim_wrapper import DeferredNormMixin

IN_PLACE = 'all in place'
WARM_UP = 3  # steps of a turn that do not count


def without_logging(cfg: Config, stack: ExitStack) -> None:
    cfg.default_hooks.runtime_info = dict(type='RuntimeInfoHook')


def without_norms(cfg: Config, stack: ExitStack) -> None:
    stack.enter_context(mock.patch.object(DeferredNormMixin, '_clip_grad', OptimWrapper._clip_grad))


def without_scaler(cfg: Config, stack: ExitStack) -> None:
    initialize = DeferredAmpOptimWrapper.__init__

    def scaled(self: Any, *args: Any, **kwargs: Any) -> None:
        initialize(self, *args, **kwargs)
        self.loss_scaler = type(self.loss_scaler)(enabled=has_accelerator())

    stack.enter_context(mock.patch.object(DeferredAmpOptimWrapper, '__init__', scaled))


def without_images(cfg: Config, stack: ExitStack) -> None:
    cfg.model.data_preprocessor.type = 'TextRecogDataPreprocessor'


def without_pinning(cfg: Config, stack: ExitStack) -> None:
    stack.enter_context(mock.patch.object(torch.Tensor, 'pin_memory', lambda tensor: tensor))


DEVICES = {'deferred logging': without_logging, 'deferred norms': without_norms,
           'bfloat16 without scaler': without_scaler, 'byte images': without_images,
           'pinned copies': without_pinning}


class Clock(Hook):
    """Times what comes after the first steps of a turn."""

    priority = 'VERY_HIGH'

    def __init__(self) -> None:
        self.begin, self.start, self.spent = 0, 0., 0.

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if runner.iter == self.begin:
            self.start = common.timer()

    def after_train(self, runner: Any) -> None:
        self.spent = common.timer() - self.start


class Untold(Config):
    """A config whose text is not made for the log, which takes longer than a turn."""

    pretty_text = ''


class Variant:
    """A training without some of the devices."""

    def __init__(self, name: str, taken: Sequence[Callable], args: argparse.Namespace,
                 folder: Path) -> None:
        self.name, self.taken, self.steps = name, taken, args.steps
        cfg = on_its_own(common.load_config(args.candidates[0].config), folder / name)
        cfg.optim_wrapper = wrapper_config(cfg, args.precisions[0])
        cfg.default_hooks.logger.interval = args.steps  # a line in every turn
        self.clock = Clock()
        with self.changed(cfg):
            runner = self.runner = Runner.from_cfg(Untold(cfg.to_dict()))
            # Now, as it takes the log of the runner that was made last.
            runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        self.runner.register_hook(self.clock)

    @contextmanager
    def changed(self, cfg: Config) -> Iterator[None]:
        with ExitStack() as stack:
            for take_out in self.taken:
                take_out(cfg, stack)
            yield

    def turn(self, batches: Sequence[dict]) -> float:
        """Seconds of a step."""
        runner = self.runner
        data = [dict(batch, data_samples=copy.deepcopy(batch['data_samples']))
                for batch in batches]  # models write into samples
        if isinstance(runner._train_loop, dict):
            begin = 0
            runner._train_dataloader = DataLoader(data, 1, collate_fn=the_one)
            runner._train_loop['max_iters'] = WARM_UP + self.steps
        else:
            begin = runner.iter
            runner.train_loop.dataloader.dataset[:] = data
            vars(runner.train_loop.dataloader_iterator).pop('_iterator', None)  # a new pass
            runner.train_loop._max_iters = begin + WARM_UP + self.steps
        self.clock.begin = begin + WARM_UP
        with self.changed(Config(dict(default_hooks={}, model=dict(data_preprocessor={})))):
            runner.train()
        return self.clock.spent / self.steps


def the_one(items: Sequence[dict]) -> dict:
    return items[0]


def measure(args: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """Seconds of a step of every variant in every turn."""
    taken = {IN_PLACE: [], **{f'without {name}': [take] for name, take in DEVICES.items()},
             'without all': list(DEVICES.values())}
    variants = [Variant(name, take, args, folder) for name, take in taken.items()]
    size, steps = args.batch[0], WARM_UP + args.steps
    pipeline = common.build_pipeline(common.load_config(args.candidates[0].config), 'train')
    words, args.source = common.find_words(4 * size, 'train')
    loaded = [pseudo_collate([pipeline(common.word_info(word))
                              for word in words[i * size:(i + 1) * size]]) for i in range(4)]
    batches = [loaded[i % 4] for i in range(steps)]
    times: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for number, order in enumerate(common.turns(variants, args.repeats), 1):
        for variant in order:
            times[variant.name].append(variant.turn(batches))
        common.say(f'round {number} of {args.repeats}')
    return times


def summary(times: dict[str, list[float]]) -> list[dict]:
    """Of each variant milliseconds of a step, and by how much longer it is than with all devices
    in the same turn: median and quartiles."""
    rows = []
    for name, spent in times.items():
        longer = [a / b - 1 for a, b in zip(spent, times[IN_PLACE])]
        rows.append(dict(name=name, step_ms=1e3 * float(np.median(spent)),
                         longer=np.percentile(longer, (25, 50, 75)).tolist()))
    return rows


def table(rows: Sequence[dict]) -> str:
    return common.table(['training', 'a step, ms', 'longer by (quartiles)'], [
        [row['name'], f'{row["step_ms"]:.4g}',
         '{1:.1%} ({0:.1%} to {2:.1%})'.format(*row['longer'])] for row in rows])


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_options(parser, batch=(64, ), repeats=5)
    parser.add_argument('--steps', type=common.positive, default=20,
                        help='timed in a turn (default %(default)s)')
    args = parser.parse_args(argv)
    common.check_options(parser, args)
    with tempfile.TemporaryDirectory() as folder:
        rows = summary(measure(args, Path(folder)))
    info = dict(common.environment(args.device), words=args.source, batch=args.batch[0],
                config=args.candidates[0].name, precision=args.precisions[0].name,
                rounds=args.repeats)
    print(f'{common.head(info)}\n\n{table(rows)}')
    if args.json:
        Path(args.json).write_text(json.dumps(dict(environment=info, rows=rows), indent=2))
    return 0


if __name__ == '__main__':
    run_tool(main)
