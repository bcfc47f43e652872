"""What the benchmarks share: words, models, turns, and what they write.

Models take turns, and each round begins with another one, so that a machine whose speed drifts
slows all alike. A ratio is taken within a round.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import random
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Callable, NamedTuple

import cv2
import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from mmengine.config import Config  # isort: skip
from mmengine.dataset import Compose  # isort: skip
from mmengine.hub import get_config  # isort: skip
from mmocr.registry import DATASETS, MODELS, TRANSFORMS  # isort: skip
from torch.utils.flop_counter import FlopCounterMode  # isort: skip

from mmocr_siga.models.utils.weights import load_weights  # isort: skip
from mmocr_siga.rendering.fonts import bundled_font_dir  # isort: skip
from mmocr_siga.images import encode_picture  # isort: skip

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / 'tools' / 'analysis'))

from model_stats import count, plain_attention  # noqa: E402

QUARTILES = (25, 50, 75)
PRECISIONS = ('float32', 'amp-bf16', 'amp-fp16', 'compiled')
_DTYPES = {'amp-bf16': torch.bfloat16, 'amp-fp16': torch.float16}


# Machines and clocks


def environment(device: torch.device) -> dict:
    """Hardware, versions and threads, for the head of a table."""
    name = platform.processor() or platform.machine()
    try:
        with open('/proc/cpuinfo') as lines:
            name = next(line.split(':')[1].strip() for line in lines if 'model name' in line)
    except (OSError, StopIteration):
        pass
    info = dict(python=platform.python_version(), torch=torch.__version__, numpy=np.__version__,
                cpu=name, cores=os.cpu_count(), threads=torch.get_num_threads(),
                device=str(device))
    if device.type == 'cuda':
        info['gpu'] = torch.cuda.get_device_name(device)
    return info


class Timer:
    """Times functions.

    Args:
        device (torch.device): Waited for before the time is taken.
        repeats (int): How often each is timed.
        cpu_time (bool): Whether to take the processor time of the process, not the time passed.
    """

    def __init__(self, device: torch.device, repeats: int, cpu_time: bool = False) -> None:
        self.device = device
        self.repeats = repeats
        self.clock = time.process_time if cpu_time else time.perf_counter

    def now(self) -> float:
        """The time, when the device has done all it was asked to."""
        if self.device.type == 'cuda':
            torch.cuda.synchronize(self.device)
        return self.clock()

    def seconds(self, function: Callable) -> float:
        start = self.now()
        function()
        return self.now() - start

    def pairs(self, ours: Callable, other: Callable) -> list[tuple[float, float]]:
        """Seconds of both, timed in turns."""
        self.seconds(ours), self.seconds(other)
        return [(self.seconds(ours), self.seconds(other)) for _ in range(self.repeats)]


class Limits(NamedTuple):
    """What the machine can do at best.

    Attributes:
        flops (float): Multiplications and additions a second of a matrix product in float32.
        call (float): Seconds of an operator that has next to nothing to do.
    """
    flops: float
    call: float


@torch.inference_mode()
def machine_limits(timer: Timer, size: int = 1024, calls: int = 2000) -> Limits:
    """Time a matrix product, and many small additions."""
    device = timer.device
    matrix, small = torch.ones(size, size, device=device), torch.ones(8, device=device)

    def additions() -> None:
        for _ in range(calls):
            small.add(1)

    product = min(timer.seconds(lambda: matrix @ matrix) for _ in range(20))
    return Limits(2 * size ** 3 / product, min(timer.seconds(additions) for _ in range(5)) / calls)


def reset_peak_memory() -> bool:
    """Forget the peak of this process's memory; whether the system can do that."""
    try:
        Path('/proc/self/clear_refs').write_text('5')
    except OSError:
        return False
    return True


def peak_memory() -> float:
    """Most memory (MiB) this process has had since :func:`reset_peak_memory`."""
    try:
        lines = Path('/proc/self/status').read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) / 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cuda_memory(function: Callable, static: int) -> float:
    """Memory (MiB) of a model and a call of the function, without that of others.

    Args:
        function (Callable): Uses the current CUDA device.
        static (int): Bytes of the model.
    """
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    function()
    torch.cuda.synchronize()
    return (torch.cuda.max_memory_allocated() - before + static) / 2 ** 20


def add_memory(results: Sequence[dict], script: str, weights: dict[str, str | None]) -> None:
    """Fill in peak memory on the CPU: that of a process that has no other model.

    Args:
        results (Sequence[dict]): With ``name``, ``config``, ``precision`` and ``batch``.
        script (str): Path of the script, which prints a dict from batch size to MiB when it is
            called with ``--probe``.
        weights (dict): Checkpoints by the names of the models.
    """
    groups: dict[tuple, list[dict]] = {}
    for result in results:
        if 'error' not in result:
            key = tuple(result.get(k) for k in ('name', 'config', 'precision', 'form'))
            groups.setdefault(key, []).append(result)
    for (name, config, precision, form), rows in groups.items():
        say(f'memory of {name}, {precision}' + (f', {form}' if form else ''))
        found = probe(script, dict(
            candidate=[name, config, weights[name]], precision=precision, form=form,
            batches=sorted(row['batch'] for row in rows), threads=torch.get_num_threads()))
        if 'error' in found:
            say(f'memory of {name}, {precision}, is not known: {found["error"]}')
        for row in rows:
            row['memory_mib'] = found.get(str(row['batch']))


def probe(script: str, task: dict) -> dict:
    """Run a script again for one model alone, ``--probe TASK``, and read what it prints last."""
    done = subprocess.run([sys.executable, script, '--probe', json.dumps(task)],
                          capture_output=True, text=True)
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return dict(error=(done.stderr.strip().splitlines() or ['no output'])[-1])


# Models


class Candidate(NamedTuple):
    """A model to measure: a name for the tables, a config and, if trained, weights."""

    name: str
    config: str
    weights: str | None = None


def parse_candidates(configs: Sequence[str], weights: Sequence[str]) -> list[Candidate]:
    """Read ``[NAME=]CONFIG`` and ``NAME=FILE``.

    Args:
        configs (Sequence[str]): Paths of configs, ``mmocr::textrecog/...``, each with a name or
            not; that is then the name of the file.
        weights (Sequence[str]): Checkpoints by the names of their models.

    Raises:
        ValueError: If two models have the same name, or weights are of none.
    """
    found: dict[str, Candidate] = {}
    files = dict(named(item, '--weights') for item in weights)
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


def named(item: str, option: str) -> tuple[str, str]:
    """``NAME=VALUE`` as a pair."""
    name, found, value = item.partition('=')
    if not (name and found and value):
        raise ValueError(f'{option} takes NAME=VALUE, got {item!r}')
    return name, value


def load_config(path: str) -> Config:
    """A config of this package or of MMOCR, without weights to download.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    if '::' in path:
        cfg = get_config(path)
    else:
        cfg = Config.fromfile(path)
    without_pretrained(cfg.model)
    cfg.load_from = None
    return cfg


def without_pretrained(cfg: Any) -> None:
    """Take ``init_cfg`` of type Pretrained out of a config, wherever it is."""
    for key, value in list(cfg.items()):
        for part in value if isinstance(value, (list, tuple)) else [value]:
            if not isinstance(part, dict):
                continue
            if key == 'init_cfg' and part.get('type') == 'Pretrained':
                cfg[key] = None
            else:
                without_pretrained(part)


def build_model(cfg: Config, weights: str | None = None,
                reading: bool = False) -> torch.nn.Module:
    """The recogniser of a config.

    Args:
        cfg (Config): From :func:`load_config`.
        weights (str, optional): A checkpoint. Defaults to None: random weights.
        reading (bool): Without the training head, in evaluation mode. Defaults to False.
    """
    model_cfg = cfg.model.copy()
    if reading and 'glyph_head' in model_cfg:
        model_cfg.glyph_head = None
    torch.manual_seed(0)
    model = MODELS.build(model_cfg)
    if weights is not None:
        load_weights(model, weights)
    return model.eval() if reading else model.train()


def parameters(model: torch.nn.Module) -> float:
    """Millions of parameters."""
    return count(model) / 1e6


class CallCounter(TorchDispatchMode):
    """Counts operator calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


def operator_calls(function: Callable) -> int:
    """Operators that a call of the function runs, those of a backward pass included."""
    with CallCounter() as counter:
        function()
    return counter.calls


def gflops(function: Callable) -> float:
    """10^9 multiplications and additions of a call of the function, on the CPU."""
    # oneDNN's LSTM is one operator that the counter does not know.
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of the switch below
        with plain_attention(), torch.backends.mkldnn.flags(enabled=False), \
                FlopCounterMode(display=False) as counter:
            function()
    return counter.get_total_flops() / 1e9


class Precision(NamedTuple):
    """Number format, and whether the model is compiled."""

    name: str
    dtype: torch.dtype | None
    compiled: bool

    def context(self, device: torch.device) -> Any:
        """Autocast, or nothing."""
        return nullcontext() if self.dtype is None else torch.autocast(device.type, self.dtype)


def parse_precision(text: str) -> Precision:
    """Read 'float32', 'amp-bf16', 'amp-fp16', 'compiled', or such joined by '+'.

    Raises:
        ValueError: If it is something else.
    """
    parts = text.split('+')
    dtypes = [_DTYPES[part] for part in parts if part in _DTYPES]
    if set(parts) - set(PRECISIONS) or len(dtypes) > 1 or (dtypes and 'float32' in parts):
        raise ValueError(f'a precision is one of {", ".join(PRECISIONS)}, or compiled+amp-bf16 and '
                         f'the like, got {text!r}')
    return Precision(text, dtypes[0] if dtypes else None, 'compiled' in parts)


def yardstick_of(row: Any, rows: Sequence[Any], name: str | None) -> int | None:
    """Which row a row is compared with: the yardstick as it is, in its precision, else its first.

    Args:
        row (Any): Has ``candidate``, ``precision`` and, where there are several, ``form``, as all
            rows.
        rows (Sequence[Any]): All rows.
        name (str, optional): Name of the yardstick.
    """
    def distance(i: int) -> tuple[bool, bool]:
        return getattr(rows[i], 'form', 'plain') != 'plain', rows[i].precision != row.precision

    found = [i for i, other in enumerate(rows) if other.candidate.name == name]
    return min(found, key=distance, default=None)


def reason(error: BaseException) -> str:
    """Why something failed, in a line that fits a table."""
    lines = str(error).strip().splitlines() or ['']
    return f'{type(error).__name__}: {lines[0]}'[:160].replace('|', '/')


# Words


class Word(NamedTuple):
    """A word image and what it says."""

    path: str
    text: str


def data_root() -> Path:
    """Where real words are looked for."""
    return Path(os.environ.get('SIGA_DATA', 'data'))


def find_words(count: int, folder: Path, split: str = 'val') -> tuple[list[Word], str]:
    """Real words where there are any, else words that are drawn.

    Args:
        count (int): Number of words.
        folder (Path): Where drawn words are written.
        split (str): 'val' or 'train', of the real words. Defaults to 'val'.

    Returns:
        tuple: The words, the same ones every time, and what they are.
    """
    words = [Word(str(table.parent / name), text)
             for table in sorted((data_root() / 'real').glob(f'*/{split}.tsv'))
             if table.parent.name != 'glyph_masks'
             for name, _, text in (line.partition('\t')
                                   for line in table.read_text('utf-8').splitlines() if line)]
    # Labels to train on are to be known to any dictionary.
    words = [word for word in words if 0 < len(word.text) <= 25
             and (split == 'val' or word.text.isascii() and word.text.isalnum())]
    if words:
        random.Random(0).shuffle(words)
        source = f'{count} of {len(words):,} real words ({split})'
        return [words[i % len(words)] for i in range(count)], source
    # One face: looking through all that are installed would take longer than most measurements.
    drawn = DATASETS.build(dict(type='RenderedWordDataset', length=count, pipeline=None,
                                fonts=str(bundled_font_dir() / 'DejaVuSans.ttf')))
    for i in range(count):
        item = drawn[i]
        path = folder / f'{i}.png'
        path.write_bytes(encode_picture(item['img'], '.png'))
        words.append(Word(str(path), item['instances'][0]['text']))
    return words, f'{count} words drawn by RenderedWordDataset (no real words at {data_root()})'


def transforms(cfg: Config, split: str) -> list[dict]:
    """The transforms of a config for training ('train') or reading ('test').

    Raises:
        ValueError: If the config has none.
    """
    found = cfg.get(f'{split}_pipeline')
    dataset = cfg.get(f'{split}_dataloader', {}).get('dataset')
    while not found and dataset:
        found = dataset.get('pipeline')
        inner = dataset.get('dataset') or dataset.get('datasets')
        dataset = inner[0] if isinstance(inner, (list, tuple)) else inner
    if not found:
        raise ValueError(f'the config has no {split}_pipeline, and its {split}_dataloader none')
    return found


def build_pipeline(cfg: Config, split: str) -> Compose:
    """The same, built."""
    return Compose([TRANSFORMS.build(dict(t)) for t in transforms(cfg, split)])


def word_info(word: Word) -> dict:
    """What a data set would tell a pipeline of a word."""
    height, width = cv2.imread(word.path).shape[:2]
    return dict(img_path=word.path, ori_shape=(height, width), height=height, width=width,
                sample_idx=0, instances=[dict(text=word.text)])


def read_word(pipeline: Compose, word: Word) -> dict:
    """A word through a pipeline."""
    return pipeline(word_info(word))


# Command line


def add_options(parser: argparse.ArgumentParser, batch: Sequence[int], repeats: int) -> None:
    """The options that reading and training share."""
    add = parser.add_argument
    add('configs', nargs='*', metavar='[NAME=]CONFIG', help='a path, or mmocr::textrecog/...')
    add('--weights', nargs='+', default=[], metavar='NAME=FILE')
    add('--batch', type=int, nargs='+', default=list(batch),
        help=f'default: {" ".join(map(str, batch))}')
    add('--repeats', type=int, default=repeats, help='rounds (default %(default)s)')
    add('--precision', nargs='+', default=['float32'], metavar='P',
        help='float32, amp-bf16, amp-fp16, compiled, or compiled+amp-bf16 (default float32)')
    add('--device', default='cpu')
    add('--threads', type=int, help='CPU threads; default: as torch chooses')
    add('--yardstick', metavar='NAME', help='the model that all are compared with')
    add('--accuracy', nargs='+', default=[], metavar='NAME=VALUE', help='in %%, for the plot')
    add('--cpu-time', action='store_true',
        help='time the processor, not the clock: for a machine others use too')
    add('--no-memory', action='store_true',
        help='leave out the memory, which on a CPU takes a process for each row')
    add('--json', metavar='FILE', help='file to write')
    add('--markdown', metavar='FILE', help='file for the tables (default: print them)')
    add('--plot', metavar='FILE', help='picture to write')
    add('--probe', help=argparse.SUPPRESS)


def check_options(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Read names and numbers; ends the program with a message where they are wrong."""
    if not args.configs:
        parser.error('give at least one config')
    if min([*args.batch, args.repeats, 1 if args.threads is None else args.threads]) < 1:
        parser.error('--batch, --repeats and --threads must be at least 1')
    try:
        args.candidates = parse_candidates(args.configs, args.weights)
        args.precisions = [parse_precision(text) for text in dict.fromkeys(args.precision)]
        pairs = (named(item, '--accuracy') for item in args.accuracy)
        args.accuracies = {name: float(value) for name, value in pairs}
        args.device = torch.device(args.device)
    except (ValueError, RuntimeError) as error:
        parser.error(str(error))
    names = [candidate.name for candidate in args.candidates]
    for name in [*args.accuracies, *([args.yardstick] if args.yardstick else [])]:
        if name not in names:
            parser.error(f'no model is called {name!r}; there are {", ".join(names)}')
    if args.device.type == 'cuda' and not torch.cuda.is_available():
        parser.error(f'--device {args.device}: this machine has no CUDA device')


# Turns and tables


def turns(count: int, rounds: int) -> Iterator[list[int]]:
    """The order of each round: everyone once, each round begun by the next one."""
    for round_ in range(rounds):
        yield [(round_ + i) % count for i in range(count)]


def paired_ratio(ours: Sequence[float], base: Sequence[float]) -> dict:
    """Median and quartiles of what is so many times as fast, round by round.

    Args:
        ours (Sequence[float]): Rates, one a round.
        base (Sequence[float]): Those of the yardstick in the same rounds.
    """
    low, middle, high = np.percentile([a / b for a, b in zip(ours, base)], QUARTILES).tolist()
    return dict(ratio=middle, ratio_quartiles=[low, high])


def ratio_text(row: dict) -> str:
    """``2.1 (2.0-2.2)``, or nothing."""
    if 'ratio' not in row:
        return ''
    return f'{row["ratio"]:.2f} ({row["ratio_quartiles"][0]:.2f}-{row["ratio_quartiles"][1]:.2f})'


def median(values: Sequence[float]) -> float:
    return float(statistics.median(values))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heads, ['---'] * len(heads), *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def head(info: dict) -> str:
    """What a table was made with, in a line."""
    return ', '.join(f'{key} {value}' for key, value in info.items())


def say(text: str) -> None:
    """Progress, beside the tables."""
    print(text, file=sys.stderr, flush=True)
