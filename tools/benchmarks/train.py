"""Time training: any recognisers, of this package or MMOCR's own, in turns.

    python tools/benchmarks/train.py projects/siga/configs/siga_r.py \
        ABINet=mmocr::textrecog/abinet/abinet_20e_st-an_mj.py --threads 2 --yardstick ABINet
    python tools/benchmarks/train.py configs/siga_tiny.py --precision float32 amp-bf16 --batch 64
    python tools/benchmarks/train.py configs/siga_tiny.py --check-sync
    python tools/benchmarks/train.py configs/siga_tiny.py --check-finite --steps 2000 \
        --precision amp-bf16 --batch 32

In a round every model makes one training step on the same words, with the optimiser of its config;
the next round begins with the next model. The time of a step is that without the data, which
workers make ready at the same time; it is split into the forward pass, pseudo-labels and losses
(the modules called so), the backward pass and the optimiser. Data is the time of the training
pipeline in one process; where that cannot be built, as for want of a package, the test pipeline
stands in, and the table says so. A ratio is taken round by round with the yardstick in the same
precision, else its first: median and quartiles, above 1 where a model is faster.

--check-sync looks for places where a step would make the host wait for the device, and
--check-finite trains for some steps with the schedule of the config and stops where a loss or
weight is no longer finite; both end with 1 if they find something.

A model that cannot be measured has a row that says why.
"""
from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import (
    Candidate,
    Precision,
    Timer,
    Word,
    add_memory,
    add_options,
    build_model,
    build_pipeline,
    check_options,
    cuda_memory,
    environment,
    find_words,
    gflops,
    load_config,
    machine_limits,
    median,
    operator_calls,
    paired_ratio,
    parameters,
    parse_precision,
    peak_memory,
    read_word,
    reason,
    reset_peak_memory,
    say,
    table,
    turns,
    yardstick_of,
)
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import init_default_scope
from report import collect, tables, write
from training_checks import check_finite, check_sync, wrapper_config

PHASES = ('forward', 'losses', 'backward', 'optimiser')
PERCENTILES = (50, 90, 99)


class Stopwatch:
    """Time of the phases of a step, on the device's own clock where it has one.

    Args:
        device (torch.device): Where the step runs.
        clock (Callable): Seconds, for a CPU.
    """

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
        """Book the modules that make pseudo-labels and losses under 'losses'."""
        for name, module in model.named_modules():
            last = name.rpartition('.')[2]
            if last in ('module_loss', 'pseudo_labels') or last.startswith('loss_'):
                self._wrap(module, 'forward')
                if hasattr(module, 'get_targets'):
                    self._wrap(module, 'get_targets')

    def _wrap(self, module: torch.nn.Module, name: str) -> None:
        method = getattr(module, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            before = self.switch('losses')
            try:
                return method(*args, **kwargs)
            finally:
                self.switch(before)

        setattr(module, name, timed)


class Trainer:
    """A config with its optimiser, that makes steps.

    Args:
        candidate (Candidate): What to build.
        precision (Precision): How it computes.
        device (torch.device): Where.
        clock (Callable): Seconds, for a CPU.
    """

    def __init__(self, candidate: Candidate, precision: Precision, device: torch.device,
                 clock: Callable[[], float]) -> None:
        cfg = load_config(candidate.config)
        init_default_scope(cfg.get('default_scope', 'mmocr'))
        self.pipeline, self.note = train_pipeline(cfg)
        self.device = device
        self.model = build_model(cfg, candidate.weights).to(device)
        self.parameters = parameters(self.model)
        self.optimiser = optimiser(cfg, self.model, precision, device)
        self.stopwatch = Stopwatch(device, clock)
        self.compiled = None
        if precision.compiled:  # as MMEngine does for `compile=True` in a config
            self.compiled = torch.compile(self.model.train_step)
        else:
            self.stopwatch.watch(self.model)

    def load(self, words: Sequence[Word]) -> dict:
        """Words through the training pipeline, as a batch."""
        return pseudo_collate([read_word(self.pipeline, word) for word in words])

    def step(self, data: dict) -> dict[str, float]:
        """A training step, as ``model.train_step``; seconds of its phases."""
        switch = self.stopwatch.switch
        switch('forward')
        if self.compiled is not None:
            self.compiled(data, self.optimiser)
        else:
            with self.optimiser.optim_context(self.model):
                data = self.model.data_preprocessor(data, True)
                losses = self.model(**data, mode='loss')
            loss, _ = self.model.parse_losses(losses)
            switch('backward')
            self.optimiser.backward(self.optimiser.scale_loss(loss))
            switch('optimiser')
            self.optimiser.step()
            self.optimiser.zero_grad()
        switch(None)
        return self.stopwatch.phases()

    def gflops(self, words: Sequence[Word]) -> float:
        """10^9 multiplications and additions of an image, forward and backward."""
        data = self.load(words)
        model = self.model.cpu()

        def passes() -> None:
            losses = model(**model.data_preprocessor(data, True), mode='loss')
            model.parse_losses(losses)[0].backward()

        result = gflops(passes) / len(words)
        model.zero_grad()
        model.to(self.device)
        return result


def train_pipeline(cfg: Config) -> tuple[Any, str]:
    """The training pipeline of a config, and '', or its test pipeline, and why."""
    try:
        return build_pipeline(cfg, 'train'), ''
    except Exception as error:  # whatever is wrong with it, the steps can be timed
        return build_pipeline(cfg, 'test'), reason(error)


def optimiser(cfg: Config, model: torch.nn.Module, precision: Precision,
              device: torch.device) -> OptimWrapper:
    """The optimiser of a config in a precision, every step of which counts.

    Raises:
        ValueError: If the device does not train in it.
    """
    if precision.dtype == torch.float16 and device.type == 'cpu':
        raise ValueError('training in float16 needs an accelerator; a CPU has amp-bf16')
    return build_optim_wrapper(model, dict(wrapper_config(cfg, precision), accumulative_counts=1))


class Row:
    """A model in a precision: its trainer, or why there is none, and its figures."""

    def __init__(self, candidate: Candidate, precision: Precision, timer: Timer) -> None:
        self.candidate, self.precision = candidate, precision
        self.error, self.trainer, self.figures = None, None, {}
        device = timer.device
        before = torch.cuda.memory_allocated() if device.type == 'cuda' else 0
        try:
            self.trainer = Trainer(candidate, precision, device, timer.clock)
        except Exception as error:  # whatever is wrong with this model, the others are measured
            self.error = reason(error)
        else:
            self.figures = dict(parameters_m=self.trainer.parameters)
            if self.trainer.note:
                self.figures['note'] = f'test pipeline ({self.trainer.note})'
        if device.type == 'cuda':
            self.static = torch.cuda.memory_allocated() - before

    @property
    def label(self) -> str:
        return f'{self.candidate.name}, {self.precision.name}'


class Measurement:
    """All rows at one batch size.

    Args:
        rows (Sequence[Row]): The rows; those with an error are left out.
        words (Sequence[Word]): As many as the rounds take, each a batch.
        size (int): Batch size.
        timer (Timer): How often, and by what clock.
    """

    def __init__(self, rows: Sequence[Row], words: Sequence[Word], size: int,
                 timer: Timer) -> None:
        self.words, self.size, self.timer = words, size, timer
        self.results = {id(row): dict(error=row.error) for row in rows if row.error}
        self.rows: list[Row] = []
        for row in rows:
            if row.error is None:
                self._admit(row)
        self.steps: list[list[dict]] = [[] for _ in self.rows]

    def _batch(self, round_: int) -> list[Word]:
        first = round_ * self.size
        return [self.words[i % len(self.words)] for i in range(first, first + self.size)]

    def _admit(self, row: Row) -> None:
        """Warm a model up, and count what it does; leave it out if it cannot train."""
        trainer = row.trainer
        try:
            if 'gflops' not in row.figures:
                row.figures['gflops'] = trainer.gflops(self.words[:2])
            for _ in range(2):  # the first makes the optimiser's state
                trainer.step(trainer.load(self._batch(0)))
            result = dict(row.figures)
            data = trainer.load(self._batch(0))
            if trainer.compiled is None:
                result['calls'] = operator_calls(lambda: trainer.step(data))
            if self.timer.device.type == 'cuda':
                data = trainer.load(self._batch(0))
                result['memory_mib'] = cuda_memory(lambda: trainer.step(data), row.static)
        except Exception as error:  # as above
            self.results[id(row)] = dict(error=reason(error))
            say(f'batch {self.size}, {row.label}: {self.results[id(row)]["error"]}')
            return
        self.results[id(row)] = result
        self.rows.append(row)

    def run(self) -> None:
        """All rounds."""
        for round_, order in enumerate(turns(len(self.rows), self.timer.repeats), 1):
            for i in order:
                self.steps[i].append(self._step(self.rows[i].trainer, self._batch(round_)))
            say(f'batch {self.size}: round {round_} of {self.timer.repeats}')

    def _step(self, trainer: Trainer, words: Sequence[Word]) -> dict[str, float]:
        start = self.timer.now()
        data = trainer.load(words)
        loaded = self.timer.now()
        phases = trainer.step(data)
        return dict(phases, data=loaded - start, step=self.timer.now() - loaded)

    def summary(self, yardstick: str | None) -> None:
        """Fill in the results of all rows."""
        rates = [[self.size / step['step'] for step in steps] for steps in self.steps]
        for i, row in enumerate(self.rows):
            result, steps = self.results[id(row)], self.steps[i]
            times = [1e3 * step['step'] for step in steps]
            result['images_per_s'] = median(rates[i])
            result['step_ms'] = dict(zip(map(str, PERCENTILES),
                                         np.percentile(times, PERCENTILES).tolist()))
            phases = ('data', ) if row.precision.compiled else ('data', *PHASES)
            result['split_ms'] = {phase: 1e3 * median([step.get(phase, 0.) for step in steps])
                                  for phase in phases}
            base = yardstick_of(row, self.rows, yardstick)
            if base is not None:
                result.update(paired_ratio(rates[i], rates[base]))


def run_probe(task: dict) -> int:
    """Print the peak memory of a process that makes two steps of each size with one model."""
    torch.set_num_threads(task['threads'])
    timer = Timer(torch.device('cpu'), 1)
    trainer = Trainer(Candidate(*task['candidate']), parse_precision(task['precision']),
                      timer.device, timer.clock)
    peaks = {}
    for size in task['batches']:
        with tempfile.TemporaryDirectory() as folder:
            words, _ = find_words(2 * size, Path(folder), 'train')
            reset_peak_memory()
            for first in (0, size):
                trainer.step(trainer.load(words[first:first + size]))
        peaks[size] = peak_memory()
    print(json.dumps(peaks))
    return 0


def blocks(results: Sequence[dict], yardstick: str | None) -> list[str]:
    """Two tables for each batch size: speed and size, and the parts of a step."""
    found = []
    for batch, text in tables(results, yardstick, 'step_ms', 'a step').items():
        found.append(f'Batch {batch}\n\n{text}')
        parts = [split_cells(r) for r in results
                 if r['batch'] == batch and len(r.get('split_ms', ())) > 1]
        if parts:
            found.append(f'Parts of a step, ms (share of the step), batch {batch}\n\n' + table(
                ['model', 'precision', *PHASES, 'data, beside it'], parts))
    return found


def split_cells(result: dict) -> list[str]:
    """The row of a result in the table of parts."""
    split = result['split_ms']
    whole = sum(split[phase] for phase in PHASES)
    parts = [f'{split[phase]:.4g} ({100 * split[phase] / whole:.0f} %)' for phase in PHASES]
    return [result['name'], result['precision'], *parts, f'{split["data"]:.4g}']


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_options(parser, batch=(16, ), repeats=7)
    add = parser.add_argument
    add('--check-sync', action='store_true', help='look for waits of the host instead')
    add('--check-finite', action='store_true', help='train, and look for NaN, instead')
    add('--steps', type=int, default=2000, help='of --check-finite (default %(default)s)')
    args = parser.parse_args(argv)
    if not args.probe:
        check_options(parser, args)
        if args.steps < 1:
            parser.error('--steps must be at least 1')
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run the comparison, or the checks.

    Returns:
        int: 0; 1 if a check found something, or no model could be measured.
    """
    args = parse(argv)
    init_default_scope('mmocr')
    if args.probe:
        return run_probe(json.loads(args.probe))
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.check_sync or args.check_finite:
        return run_checks(args)
    timer = Timer(args.device, args.repeats, args.cpu_time)
    with tempfile.TemporaryDirectory() as folder:
        words, source = find_words(max(args.batch) * (args.repeats + 1), Path(folder), 'train')
        rows = [Row(candidate, precision, timer) for precision in args.precisions
                for candidate in args.candidates]
        for row in rows:
            say(f'{row.label}: {row.error or "built"}')
        measurements = [Measurement(rows, words, size, timer) for size in args.batch]
        for measured in measurements:
            measured.run()
            measured.summary(args.yardstick)
    results = collect(rows, measurements, args.accuracies)
    if args.device.type == 'cpu' and not args.no_memory:
        add_memory(results, __file__, {c.name: c.weights for c in args.candidates})
    info = dict(environment(args.device), words=source, rounds=args.repeats,
                clock='processor' if args.cpu_time else 'wall')
    write(args, results, info, machine_limits(timer), blocks(results, args.yardstick))
    return 0 if any('error' not in r for r in results) else 1


def run_checks(args: argparse.Namespace) -> int:
    """The checks of all models in all precisions; 1 if one of them finds something."""
    failed = False
    for candidate in args.candidates:
        for precision in args.precisions:
            if args.check_sync:
                found = check_sync(candidate, precision, args.device, args.batch[0])
                print(f'{candidate.name}, {precision.name}: ' + (
                    'no step waits for the device' if not found else
                    'a step waits for the device at\n' + '\n'.join(found)))
                failed |= bool(found)
            if args.check_finite:
                found = check_finite(candidate, precision, args.device, args.batch[0], args.steps)
                print(f'{candidate.name}, {precision.name}: ' + (
                    found or f'all losses and weights of {args.steps:,} steps are finite'))
                failed |= bool(found)
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
