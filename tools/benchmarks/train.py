"""Time training: any recognizers, of this package or MMOCR's own, in turns.

    python tools/benchmarks/train.py projects/siga/configs/siga_r.py \
        ABINet=mmocr::textrecog/abinet/abinet_20e_st-an_mj.py --threads 2 --yardstick ABINet
    python tools/benchmarks/train.py configs/siga_tiny.py --precision float32 amp-bf16 --batch 64
    python tools/benchmarks/train.py configs/ccd/ccd_siga_tiny.py --batch 64
    python tools/benchmarks/train.py configs/siga_tiny.py --check-sync
    python tools/benchmarks/train.py configs/siga_tiny.py --check-finite --steps 2000 \
        --precision amp-bf16 --batch 32

In a round every model makes one training step on the same words, with the optimizer of its config.
The time of a step is split into the forward pass, pseudo-labels and losses (the modules called so),
the backward pass and the optimizer, of a pre-training also into the teacher's pass, the search for
regions and the averaging of the teacher, and which part that is no network is the largest; data is
the time of the training pipeline in one process, or, where that cannot be built, of the test
pipeline, and the table says so. What the columns hold and
what a ratio is: docs/reports/performance.md. A model that cannot be measured has a row that says
why.

--busy makes steps one behind the other, as a training does, on batches that lie ready, and tells
for which share of that time the device computes (on a CPU, where watching slows it down, this says
little); --workers N trains behind N processes that load and augment, and times these alone.

--check-sync looks for places where a step would make the host wait for the device, and
--check-finite trains for some steps with the schedule of the config and stops where a loss or
weight is no longer finite; both end with 1 if they find something.
"""
from __future__ import annotations

import argparse
import copy
import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import common
import cv2
import numpy as np
import torch
from common import Rounds, Row, Word
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import build_optim_wrapper
from report import report, save, tables
from torch.utils.data import DataLoader, Dataset
from training_checks import check_finite, check_sync, wrapper_config

from mmocr_siga.cli import run_tool

PHASES = ('forward', 'losses', 'backward', 'optimizer')
# Of pre-trainings.
MORE_PHASES = ('teacher', 'regions', 'average')
NETWORK = ('forward', 'teacher', 'backward')


class Stopwatch:
    """Time of the phases of a step: a GPU's own clock, or one that gives seconds for a CPU."""

    def __init__(self, device: torch.device, clock: Callable[[], float]) -> None:
        self.device, self.clock = device, clock
        self.marks: list[tuple[str | None, Any]] = []

    def switch(self, phase: str | None) -> str | None:
        """Begin a phase, or with None end the last; returns the one before."""
        before = self.marks[-1][0] if self.marks else None
        if self.device.type == 'cuda':
            mark = torch.cuda.Event(enable_timing=True)
            mark.record()
        else:
            mark = self.clock()
        self.marks.append((phase, mark))
        return before

    def phases(self) -> dict[str, float]:
        """Seconds of each phase; forgets them."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize()
        total: dict[str, float] = defaultdict(float)
        for (phase, start), (_, end) in zip(self.marks, self.marks[1:]):
            if phase is not None:
                total[phase] += (start.elapsed_time(end) / 1e3 if self.device.type == 'cuda'
                                 else end - start)
        self.marks = []
        return dict(total)

    def watch(self, model: torch.nn.Module) -> None:
        """Book the modules that make pseudo-labels and losses under 'losses', a teacher and what
        finds regions under their names."""
        for name, module in model.named_modules():
            last = name.rpartition('.')[2]
            if last in ('module_loss', 'pseudo_labels') or last.startswith('loss_'):
                self._wrap(module, 'forward')
                if hasattr(module, 'get_targets'):
                    self._wrap(module, 'get_targets')
            elif name in ('teacher', 'teacher.backbone'):
                self._wrap(module, 'forward', 'teacher')
        if hasattr(model, 'find_regions'):
            self._wrap(model, 'find_regions', 'regions')

    def _wrap(self, module: torch.nn.Module, name: str, phase: str = 'losses') -> None:
        method = getattr(module, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            before = self.switch(phase)
            out = method(*args, **kwargs)
            self.switch(before)
            return out

        setattr(module, name, timed)


class Trainer:
    """A config with its optimizer, that makes steps."""

    def __init__(self, row: Row, device: torch.device,
                 now: Callable[[], float] = common.timer) -> None:
        candidate, precision = row.candidate, row.precision
        cfg = common.load_config(candidate.config)
        self.pipeline, self.note = train_pipeline(cfg)
        self.device = device
        self.model = common.build_model(cfg, candidate.weights).to(device)
        precision.arrange(self.model)
        self.parameters = common.count(self.model)
        if precision.dtype == torch.float16 and device.type == 'cpu':
            raise ValueError('training in float16 needs an accelerator; a CPU has amp-bf16')
        self.optimizer = build_optim_wrapper(
            self.model, dict(wrapper_config(cfg, precision), accumulative_counts=1))
        self.stopwatch = Stopwatch(device, now)
        self.compiled = None
        if precision.compiled:  # as MMEngine does for `compile=True` in a config
            self.compiled = torch.compile(self.model.train_step)
        else:
            self.stopwatch.watch(self.model)

    def load(self, words: Sequence[Word]) -> dict:
        return pseudo_collate([self.pipeline(common.word_info(word)) for word in words])

    def step(self, data: dict) -> dict[str, float]:
        """A training step, as ``model.train_step``; seconds of its phases."""
        switch = self.stopwatch.switch
        switch('forward')
        if self.compiled is not None:
            self.compiled(data, self.optimizer)
        else:
            with self.optimizer.optim_context(self.model):
                data = self.model.data_preprocessor(data, True)
                losses = self.model(**data, mode='loss')
            loss, _ = self.model.parse_losses(losses)
            switch('backward')
            self.optimizer.backward(self.optimizer.scale_loss(loss))
            switch('optimizer')
            self.optimizer.step()
            self.optimizer.zero_grad()
            if hasattr(self.model, 'update_teacher'):
                switch('average')
                self.model.update_teacher(0.999)
        switch(None)
        return self.stopwatch.phases()

    def update(self, data: dict) -> None:
        """A training step that nobody watches or waits for."""
        (self.compiled or self.model.train_step)(data, self.optimizer)
        self.stopwatch.marks.clear()

    def gflops(self, words: Sequence[Word]) -> float:
        """10^9 multiplications and additions of an image, forward and backward."""
        data = self.load(words)
        model = self.model.cpu()

        def passes() -> None:
            losses = model(**model.data_preprocessor(data, True), mode='loss')
            model.parse_losses(losses)[0].backward()

        result = common.gflops(passes) / len(words)
        model.zero_grad()
        model.to(self.device)
        return result


def train_pipeline(cfg: Config) -> tuple[Any, str]:
    """The training pipeline of a config, and '', or its test pipeline, and why."""
    try:
        return common.build_pipeline(cfg, 'train'), ''
    except Exception as error:  # whatever is wrong with it, the steps can be timed
        return common.build_pipeline(cfg, 'test'), common.reason(error)


class _Words(Dataset):
    """Words through a training pipeline."""

    def __init__(self, words: Sequence[Word], pipeline: Callable) -> None:
        self.words, self.pipeline = words, pipeline

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, index: int) -> dict:
        return self.pipeline(common.word_info(self.words[index]))


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)


class TrainingRounds(Rounds):
    """All rows make a step on the same words, as many as one batch size says."""

    def __init__(self, rows: Sequence[Row], words: Sequence[Word], size: int,
                 args: argparse.Namespace) -> None:
        self.words, self.images, self.args = words, size, args
        super().__init__(rows, size, args)

    def _batch(self, round_: int) -> list[Word]:
        first = round_ * self.size
        return [self.words[i % len(self.words)] for i in range(first, first + self.size)]

    def admit(self, row: Row) -> dict:
        trainer, found = row.runner, {}
        found.update(self.count(row, self.words[:2]))
        for _ in range(2):  # the first makes the optimizer's state
            trainer.step(trainer.load(self._batch(0)))
        if trainer.compiled is None:
            data = trainer.load(self._batch(0))
            found['calls'] = common.operator_calls(lambda: trainer.step(data))
        if self.device.type == 'cuda':
            data = trainer.load(self._batch(0))
            found['memory_mib'] = common.cuda_memory(lambda: trainer.step(data), row.static)
        if self.args.busy:
            data = trainer.load(self._batch(0))
            found.update(self._steady(trainer, common.device_seconds(
                lambda: trainer.update(data), self.device)))
        if self.args.workers:
            found.update(self._fed(trainer))
        if trainer.note:
            found['note'] = f'test pipeline ({trainer.note})'
        return found

    def _steady(self, trainer: Trainer, busy: float) -> dict:
        """Images a second of steps one behind the other, on batches that lie ready, and the share
        of a step in which the device computes."""
        steps = 4 * self.repeats
        loaded = [trainer.load(self._batch(i)) for i in range(2)]
        # Models write into their samples.
        batches = [dict(loaded[i % 2], data_samples=copy.deepcopy(loaded[i % 2]['data_samples']))
                   for i in range(steps)]
        spent = common.seconds(lambda: [trainer.update(data) for data in batches]) / steps
        return dict(steady_images_per_s=self.size / spent, busy=busy / spent)

    def _fed(self, trainer: Trainer) -> dict:
        """Images a second that the workers make alone, and with the training behind them, when what
        they had made ahead is used up."""
        workers = self.args.workers
        ahead, counted = 2 * workers, 2 * max(workers, self.repeats)
        words = _Words([self.words[i % len(self.words)]
                        for i in range((ahead + counted) * self.size)], trainer.pipeline)
        loader = DataLoader(words, self.size, num_workers=workers, collate_fn=pseudo_collate,
                            pin_memory=self.device.type == 'cuda', worker_init_fn=_one_thread)
        found = {}
        for name, use in ('loader', lambda data: None), ('fed', trainer.update):
            batches = iter(loader)
            for _ in range(ahead):
                use(next(batches))
            spent = common.seconds(lambda: [use(data) for data in batches])  # noqa: B023
            found[f'{name}_images_per_s'] = counted * self.size / spent
        return found

    def turn(self, row: Row, round_: int) -> dict:
        start = self.now()
        data = row.runner.load(self._batch(round_))
        loading, phases = self.now() - start, {}
        step = common.seconds(lambda: phases.update(row.runner.step(data)), self.now)
        return dict(phases, data=loading, seconds=step)

    def summary(self, row: Row, turns: Sequence[dict]) -> dict:
        phases = ('data', )
        if not row.precision.compiled:
            phases += (*PHASES, *(phase for phase in MORE_PHASES if phase in turns[0]))
        return dict(
            step_ms=common.percentiles([turn['seconds'] for turn in turns]),
            split_ms={phase: 1e3 * float(np.median([turn.get(phase, 0.) for turn in turns]))
                      for phase in phases})


def calls(trainer: Trainer, words: Sequence[Word], size: int) -> list[Callable]:
    return [lambda first=first: trainer.step(trainer.load(words[first:first + size]))
            for first in (0, size)]


def blocks(results: Sequence[dict], yardstick: str | None) -> list[str]:
    """Two tables for each batch size: speed and size, and the parts of a step."""
    found = []
    for batch, text in tables(results, yardstick, 'step_ms', 'a step').items():
        found.append(f'Batch {batch}\n\n{text}')
        own = [r for r in results if r['batch'] == batch and len(r.get('split_ms', ())) > 1]
        if own:
            found.append(f'Parts of a step, ms (share of the step), batch {batch}\n\n{parts(own)}')
    return found


def parts(results: Sequence[dict]) -> str:
    """The table of the parts of a step, with the largest one that is no network."""
    phases = [phase for phase in (*PHASES, *MORE_PHASES)
              if any(phase in r['split_ms'] for r in results)]
    rows = []
    for r in results:
        split = r['split_ms']
        there = [phase for phase in phases if phase in split]
        whole = sum(split[phase] for phase in there)
        shares = [f'{split[phase]:.4g} ({split[phase] / whole:.0%})' if phase in there else ''
                  for phase in phases]
        largest = max((phase for phase in there if phase not in NETWORK), key=split.get)
        rows.append([r['name'], r['precision'], *shares, largest, f'{split["data"]:.4g}'])
    heads = ['model', 'precision', *phases, 'largest beside the networks', 'data, beside it']
    return common.table(heads, rows)


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_options(parser, batch=(16, ), repeats=7)
    add = parser.add_argument
    add('--busy', action='store_true',
        help='also make steps one behind the other, and tell for which share of them the device '
             'computes')
    add('--workers', type=common.positive,
        help='also train behind as many processes that load and augment')
    add('--check-sync', action='store_true', help='look for waits of the host instead')
    add('--check-finite', action='store_true', help='train, and look for NaN, instead')
    add('--steps', type=common.positive, default=2000,
        help='of --check-finite (default %(default)s)')
    args = parser.parse_args(argv)
    common.check_options(parser, args)
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison, or the checks; 1 if these find something, or nothing can be measured."""
    args = parse(argv)
    if args.check_sync or args.check_finite:
        return run_checks(args)
    words, source = common.find_words(max(args.batch) * (args.repeats + 1), 'train')
    rows = [Row(candidate, precision) for precision in args.precisions
            for candidate in args.candidates]
    for row in rows:
        row.build(lambda row: Trainer(row, args.device, common.clock(args)))
    measured = []
    for size in args.batch:
        measured.append(TrainingRounds(rows, words, size, args))
        measured[-1].run(args.yardstick)
        save(args, measured, source)
    common.add_memory(args, measured, 'train', Trainer, calls)
    return report(args, measured, source, lambda results: blocks(results, args.yardstick))


def run_checks(args: argparse.Namespace) -> int:
    """The checks of all models in all precisions; 1 if one of them finds something."""
    failed = False
    for candidate, precision in itertools.product(args.candidates, args.precisions):
        what, size = f'{candidate.name}, {precision.name}', args.batch[0]
        if args.check_sync:
            found = check_sync(candidate, precision, args.device, size)
            print(f'{what}: a step waits for the device at\n' + '\n'.join(found) if found else
                  f'{what}: no step waits for the device')
            failed |= bool(found)
        if args.check_finite:
            bad = check_finite(candidate, precision, args.device, size, args.steps)
            print(f'{what}: {bad}' if bad else
                  f'{what}: all losses and weights of {args.steps:,} steps are finite')
            failed |= bool(bad)
    return int(failed)


if __name__ == '__main__':
    run_tool(main)
