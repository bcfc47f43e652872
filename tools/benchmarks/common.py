"""What the benchmarks share: words, models, rounds, and what bounds them.

Models take turns, and each round begins with another one, so that a machine whose speed drifts
slows all alike. A ratio is taken within a round.
"""
from __future__ import annotations

import argparse
import atexit
import math
import multiprocessing
import os
import platform
import random
import re
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, NamedTuple

import cv2
import numpy as np
import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.benchmark import timer

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from mmengine.config import Config  # isort: skip
from mmengine.dataset import Compose  # isort: skip
from mmengine.hub import get_config  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmocr.registry import DATASETS, MODELS, TRANSFORMS  # isort: skip
from torch.utils.flop_counter import FlopCounterMode  # isort: skip

from mmocr_siga.compat.configs import read_config

from mmocr_siga.cli.common import positive  # isort: skip
from mmocr_siga.images import encode_picture  # isort: skip
from mmocr_siga.models.utils.weights import load_weights  # isort: skip
from mmocr_siga.rendering.fonts import bundled_font_dir  # isort: skip

ROOT = Path(__file__).resolve().parents[2]
REAL_SETS = ('iiit5k_train', 'svt_train', 'ic15_train', 'ic03_train', 'plates')
PRECISIONS = ('float32', 'amp-bf16', 'amp-fp16', 'compiled', 'channels-last')
_DTYPES = {'amp-bf16': torch.bfloat16, 'amp-fp16': torch.float16}


def environment(device: torch.device) -> dict:
    """Hardware, versions and threads, for the head of a table."""
    lines = Path('/proc/cpuinfo').read_text().splitlines() if sys.platform == 'linux' else []
    cpu = next((line.partition(': ')[2] for line in lines if line.startswith('model name')),
               platform.processor() or platform.machine())
    info = dict(python=platform.python_version(), torch=torch.__version__, numpy=np.__version__,
                cpu=cpu, cores=os.cpu_count(), threads=torch.get_num_threads(), device=str(device))
    if device.type == 'cuda':
        info['gpu'] = torch.cuda.get_device_name(device)
    return info


def clock(args: argparse.Namespace) -> Callable[[], float]:
    """Processor time of this process with ``--cpu-time``, else torch's, which awaits a GPU."""
    return time.process_time if args.cpu_time else timer


def seconds(function: Callable, now: Callable[[], float] = timer) -> float:
    start = now()
    function()
    return now() - start


def cuda_memory(function: Callable, static: int) -> float:
    """Memory (MiB) of a model of ``static`` bytes and a call, without that of other models."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before + static) / 2 ** 20


class Candidate(NamedTuple):
    """A model to measure."""

    name: str  # for the tables
    config: str
    weights: str | None = None


def parse_candidates(configs: Sequence[str], weights: Sequence[str]) -> list[Candidate]:
    """Read ``[NAME=]CONFIG`` and ``NAME=FILE``."""
    found: dict[str, Candidate] = {}
    if not all('=' in item for item in weights):
        raise ValueError(f'--weights takes NAME=FILE, got {" ".join(weights)!r}')
    files = dict(item.split('=', 1) for item in weights)
    for item in configs:
        name, _, config = item.rpartition('=')
        name = name or Path(config).stem
        if name in found:
            raise ValueError(f'two models are called {name!r}: name one, NAME={config}')
        found[name] = Candidate(name, config, files.pop(name, None))
    if files:
        raise ValueError(f'--weights are given for {sorted(files)}, but the models are called '
                         f'{list(found)}')
    return list(found.values())


def load_config(path: str) -> Config:
    """A config of this package or, ``mmocr::...``, of MMOCR; nothing is downloaded."""
    cfg = get_config(path) if '::' in path else read_config(path)
    cfg.load_from = None
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    return cfg


def build_model(cfg: Config, weights: str | None = None, reading: bool = False) -> torch.nn.Module:
    """The recognizer of a config; for ``reading`` without training head, in evaluation mode."""
    model_cfg = cfg.model.copy()
    if reading and 'glyph_head' in model_cfg:
        model_cfg.glyph_head = None
    torch.manual_seed(0)
    model = MODELS.build(model_cfg)
    if weights is not None:
        load_weights(model, weights)
    return model.eval() if reading else model.train()


def count(module: torch.nn.Module) -> float:
    """Millions of parameters."""
    return sum(p.numel() for p in module.parameters()) / 1e6


class CallCounter(TorchDispatchMode):

    calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


def operator_calls(function: Callable) -> int:
    """Operators that a call of the function runs, those of a backward pass included."""
    with CallCounter() as counter:
        function()
    return counter.calls


def device_seconds(function: Callable, device: torch.device) -> float:
    """For how long the device computes in a call, by torch's profiler: the union of what it runs,
    kernels and copies of a GPU, operators of a CPU."""
    kind = device.type.upper()
    with profile(activities=[getattr(ProfilerActivity, kind)]) as profiler:
        function()
        if device.type == 'cuda':
            torch.cuda.synchronize()
    spans = sorted((event.time_range.start, event.time_range.end) for event in profiler.events()
                   if event.device_type == getattr(DeviceType, kind))
    total, until = 0., -math.inf
    for start, end in spans:
        total += max(0., end - max(start, until))
        until = max(until, end)
    return total / 1e6


def gflops(function: Callable) -> float:
    """10^9 multiplications and additions of a call, on the CPU."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of both switches
        # The counter knows matrix products, and no fused attention or LSTM of oneDNN.
        with torch.backends.cuda.sdp_kernel(enable_flash=False, enable_mem_efficient=False), \
                torch.backends.mkldnn.flags(enabled=False), \
                FlopCounterMode(display=False) as counter:
            function()
    return counter.get_total_flops() / 1e9


class Precision(NamedTuple):
    name: str
    dtype: torch.dtype | None
    compiled: bool
    channels_last: bool

    def context(self, device: torch.device) -> Any:
        return nullcontext() if self.dtype is None else torch.autocast(device.type, self.dtype)

    def arrange(self, model: torch.nn.Module) -> None:
        """Weights, and images where a model has a say in it, as the precision wants them."""
        if self.channels_last:
            model.memory_format = torch.channels_last
            model.to(memory_format=torch.channels_last)


def parse_precision(text: str) -> Precision:
    """Read 'float32', 'amp-bf16', 'compiled', 'channels-last' ..., or such joined by '+'."""
    parts = text.split('+')
    dtypes = [_DTYPES[part] for part in parts if part in _DTYPES]
    if set(parts) - set(PRECISIONS) or len(dtypes) > 1 or (dtypes and 'float32' in parts):
        raise ValueError(f'a precision is one of {", ".join(PRECISIONS)}, or compiled+amp-bf16 and '
                         f'the like, got {text!r}')
    return Precision(text, dtypes[0] if dtypes else None, 'compiled' in parts,
                     'channels-last' in parts)


def reason(error: BaseException) -> str:
    """Why something failed, in a line that fits a table."""
    lines = str(error).strip().splitlines() or ['']
    return f'{type(error).__name__}: {lines[0]}'[:160].replace('|', '/')


@dataclass(eq=False)
class Row:
    """A model in a precision and form: what runs it, or why nothing does, and its figures."""

    candidate: Candidate
    precision: Precision
    form: str = 'plain'
    runner: Any = None
    error: str | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    static: int = 0  # bytes on a GPU

    @property
    def label(self) -> str:
        return f'{self.candidate.name}, {self.precision.name}, {self.form}'

    def build(self, make: Callable[[Row], Any]) -> None:
        """Make what runs it; whatever is wrong with this model, the others are measured."""
        on_gpu = torch.cuda.is_initialized()
        before = torch.cuda.memory_allocated() if on_gpu else 0
        try:
            self.runner = make(self)
            self.figures['parameters_m'] = getattr(self.runner, 'parameters', None)
        except Exception as error:  # as said
            self.error = reason(error)
        self.static = torch.cuda.memory_allocated() - before if torch.cuda.is_initialized() else 0
        say(f'{self.label}: {self.error or "built"}')


class Rounds:
    """All rows at one batch size, in turns; ``results`` has the figures of each, or why it failed.

    Subclasses have ``images``, the number of images of a turn; ``admit(row)``, which warms a model
    up and gives what it counts; ``turn(row, round_)``, figures of a turn with ``seconds``, a time
    or the times of its parts; and ``summary(row, turns)``, figures of all turns.
    """

    # 10^9 operations an image of what is the same in every precision.
    gflops: dict[tuple[Candidate, str], float | None] = {}

    def __init__(self, rows: Sequence[Row], size: int, args: argparse.Namespace) -> None:
        self.size, self.repeats, self.now, self.device = (
            size, args.repeats, clock(args), args.device)
        self.results = {row: self._admitted(row) for row in rows}
        self.turns: dict[Row, list[dict]] = {
            row: [] for row in rows if 'error' not in self.results[row]}

    def _admitted(self, row: Row) -> dict:
        if row.error is not None:
            return dict(error=row.error)
        try:
            return dict(row.figures, **self.admit(row))
        except Exception as error:  # whatever is wrong with this model, the others are measured
            say(f'batch {self.size}, {row.label}: {reason(error)}')
            return dict(error=reason(error))

    def count(self, row: Row, *given: Any) -> dict:
        """``gflops`` of a row, counted once for all precisions and batch sizes."""
        key = (row.candidate, row.form)
        if key not in self.gflops:
            self.gflops[key] = row.runner.gflops(*given)
        return dict(gflops=self.gflops[key])

    def run(self, yardstick: str | None) -> None:
        rows = list(self.turns)
        for round_, order in enumerate(turns(rows, self.repeats), 1):
            for row in order:
                self.turns[row].append(self.turn(row, round_))
            say(f'batch {self.size}: round {round_} of {self.repeats}')
        rates = {row: [self.images / np.sum(turn['seconds']) for turn in self.turns[row]]
                 for row in rows}
        for row in rows:
            result = self.results[row]
            result.update(self.summary(row, self.turns[row]),
                          images_per_s=float(np.median(rates[row])))
            base = yardstick_of(row, rows, yardstick)
            if base is not None:
                result.update(paired_ratio(rates[row], rates[base]))


def turns(items: Sequence, rounds: int) -> Iterator[list]:
    """The order of each round: everyone once, each round begun by the next one."""
    for first in range(rounds):
        first %= max(len(items), 1)
        yield [*items[first:], *items[:first]]


def percentiles(times: Sequence[float]) -> dict[str, float]:
    """The 50th, 90th and 99th percentile in milliseconds."""
    points = (50, 90, 99)
    return dict(zip(map(str, points), np.percentile(1e3 * np.asarray(times), points).tolist()))


def paired_ratio(ours: Sequence[float], base: Sequence[float]) -> dict:
    """Median and quartiles of what is so many times as fast, round by round."""
    low, middle, high = np.percentile([a / b for a, b in zip(ours, base)], (25, 50, 75)).tolist()
    return dict(ratio=middle, ratio_quartiles=[low, high])


def yardstick_of(row: Row, rows: Sequence[Row], name: str | None) -> Row | None:
    """What a row is compared with: the model called so as it is, in the row's precision if can be.

    A decoder is compared with a decoder.
    """
    form = 'decoder' if row.form == 'decoder' else 'plain'
    return min((other for other in rows if other.candidate.name == name), default=None,
               key=lambda other: (other.form != form, other.precision != row.precision))


def add_memory(args: argparse.Namespace, measured: Sequence[Rounds], split: str,
               build: Callable[[Row, torch.device], Any],
               calls: Callable[[Any, list[Word], int], list[Callable]]) -> None:
    """Add peak memory on the CPU: that of a process that has no other model.

    ``build`` makes what runs a row; ``calls`` takes that, words for two batches and their size, and
    gives what is to be called.
    """
    if args.device.type != 'cpu' or args.no_memory:
        return
    for row in measured[0].results:
        results = {rounds.size: rounds.results[row] for rounds in measured
                   if 'error' not in rounds.results[row]}
        alone = Row(row.candidate, row.precision, row.form)
        with ProcessPoolExecutor(1, multiprocessing.get_context('spawn')) as pool:
            task = pool.submit(_peaks, torch.get_num_threads(), alone, sorted(results), split,
                               build, calls)
            try:
                found = task.result() if results else {}
            except Exception as error:  # the table has no memory then
                say(f'{row.label}: its memory is not known: {reason(error)}')
                continue
        for size, result in results.items():
            result['memory_mib'] = found[size]


def _peaks(threads: int, row: Row, sizes: Sequence[int], split: str, build: Callable,
           calls: Callable) -> dict[int, float]:
    """Peaks by batch size, which grows: they are those since the process began."""
    torch.set_num_threads(threads)
    runner, peaks = build(row, torch.device('cpu')), {}
    for size in sizes:
        for call in calls(runner, find_words(2 * size, split)[0], size):
            call()
        # Not ru_maxrss, which begins with that of the process that started this one.
        status = Path('/proc/self/status').read_text()
        peaks[size] = int(re.search(r'VmHWM:\s+(\d+)', status)[1]) / 1024
    return peaks


class Word(NamedTuple):
    path: str
    text: str


def find_words(number: int, split: str = 'val') -> tuple[list[Word], str]:
    """The same words every time, and what they are: real ones of a split where there are any, else
    drawn ones."""
    root = Path(os.environ.get('SIGA_DATA', 'data'))
    tables = [root / 'real' / name / f'{split}.tsv' for name in REAL_SETS]
    words = [Word(str(table.parent / name), text) for table in tables if table.is_file()
             for name, _, text in (line.partition('\t')
                                   for line in table.read_text('utf-8').splitlines() if line)]
    # Labels to train on are to be known to any dictionary.
    words = [word for word in words if 0 < len(word.text) <= 25
             and (split == 'val' or word.text.isascii() and word.text.isalnum())]
    if words:
        random.Random(0).shuffle(words)
        source = f'{number} of {len(words):,} real words ({split})'
        return [words[i % len(words)] for i in range(number)], source
    # One face: looking through all that are installed would take longer than most measurements.
    drawn = DATASETS.build(dict(type='RenderedWordDataset', length=number, pipeline=None,
                                fonts=str(bundled_font_dir() / 'DejaVuSans.ttf')))
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for i in range(number):
        item, path = drawn[i], folder / f'{i}.png'
        path.write_bytes(encode_picture(item['img'], '.png'))
        words.append(Word(str(path), item['instances'][0]['text']))
    return words, f'{number} words drawn by RenderedWordDataset (no real words at {root})'


def build_pipeline(cfg: Config, split: str) -> Compose:
    """The pipeline of a config for training ('train') or reading ('test')."""
    found = cfg.get(f'{split}_pipeline')
    dataset = cfg.get(f'{split}_dataloader', {}).get('dataset')
    while not found and dataset:
        found = dataset.get('pipeline')
        inner = dataset.get('dataset') or dataset.get('datasets')
        dataset = inner[0] if isinstance(inner, (list, tuple)) else inner
    if not found:
        raise ValueError(f'the config has no {split}_pipeline, and its {split}_dataloader none')
    return Compose([TRANSFORMS.build(dict(t)) for t in found])


def word_info(word: Word) -> dict:
    """What a data set would tell a pipeline of a word."""
    height, width = cv2.imread(word.path).shape[:2]
    return dict(img_path=word.path, ori_shape=(height, width), height=height, width=width,
                sample_idx=0, instances=[dict(text=word.text)])


def add_options(parser: argparse.ArgumentParser, batch: Sequence[int], repeats: int) -> None:
    add = parser.add_argument
    add('configs', nargs='*', metavar='[NAME=]CONFIG', help='a path, or mmocr::textrecog/...')
    add('--weights', nargs='+', default=[], metavar='NAME=FILE')
    add('--batch', type=positive, nargs='+', default=list(batch),
        help=f'default: {" ".join(map(str, batch))}')
    add('--repeats', type=positive, default=repeats, help='rounds (default %(default)s)')
    add('--precision', nargs='+', default=['float32'], metavar='P',
        help='float32, amp-bf16, amp-fp16, compiled, channels-last, or such joined by + '
             '(default float32)')
    add('--device', default='cpu')
    add('--threads', type=positive, help='CPU threads; default: as torch chooses')
    add('--yardstick', metavar='NAME', help='the model that all are compared with')
    add('--cpu-time', action='store_true',
        help='time the processor, not the clock: for a machine others use too')
    add('--no-memory', action='store_true',
        help='leave out the memory, which on a CPU takes a process for each row')
    add('--json', metavar='FILE', help='file to write')


def check_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Read names and numbers; ends the program with a message where they are wrong."""
    if not args.configs:
        parser.error('give at least one config')
    try:
        args.candidates = parse_candidates(args.configs, args.weights)
        args.precisions = [parse_precision(text) for text in dict.fromkeys(args.precision)]
        args.device = torch.device(args.device)
    except (ValueError, RuntimeError) as error:
        parser.error(str(error))
    names = [candidate.name for candidate in args.candidates]
    if args.yardstick and args.yardstick not in names:
        parser.error(f'no model is called {args.yardstick!r}; there are {", ".join(names)}')
    if args.device.type == 'cuda' and not torch.cuda.is_available():
        parser.error(f'--device {args.device}: this machine has no CUDA device')
    torch.backends.cudnn.benchmark = args.device.type == 'cuda'  # as in the configs' env_cfg
    if args.threads:
        torch.set_num_threads(args.threads)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ['---'] * len(heads), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def head(info: dict) -> str:
    return ', '.join(f'{key} {value}' for key, value in info.items())


def say(text: str) -> None:
    """Progress, beside the tables."""
    print(text, file=sys.stderr, flush=True)
