"""Time deformable convolutions: ours by grid_sample, torchvision's operator, a plain convolution.

    python tools/benchmarks/deformable_conv.py --threads 1
    python tools/benchmarks/deformable_conv.py --size 64 8 32 --batch 1 32 --device cuda

Rounds in turns. A row gives the median of a call in milliseconds and, by which it is slower than
ours, the median and the quartiles of the ratio round by round.
"""
from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Callable

import common
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

from mmocr_siga.cli import run_tool
from mmocr_siga.models.layers import deformable_conv2d

OURS = 'by grid_sample'
KINDS: dict[str, Callable] = {
    OURS: lambda x, offset, weight, mask: deformable_conv2d(x, offset, weight, None, mask, 1, 1),
    'torchvision': lambda x, offset, weight, mask: deform_conv2d(
        x, offset, weight, None, 1, 1, 1, mask),
    'plain convolution': lambda x, offset, weight, mask: F.conv2d(x, weight, None, 1, 1),
}


def inputs(batch: int, size: Sequence[int], device: torch.device) -> list[Tensor]:
    """Map, offsets of some cells, weight and mask of 3x3 taps."""
    channels, height, width = size
    noise = torch.Generator().manual_seed(0)
    shapes = [(batch, channels, height, width), (batch, 18, height, width),
              (channels, channels, 3, 3), (batch, 9, height, width)]
    return [torch.randn(shape, generator=noise).to(device).requires_grad_() for shape in shapes]


def measure(tensors: Sequence[Tensor], backward: bool, rounds: int,
            now: Callable[[], float]) -> dict[str, list[float]]:
    """Seconds of each kind in each round, of forward, or of forward and backward."""
    def run(kind: Callable) -> None:
        with torch.set_grad_enabled(backward):
            out = kind(*tensors)
        if backward:
            out.sum().backward()

    for kind in KINDS.values():  # what is done once only does not count
        run(kind)
    times: dict[str, list[float]] = {name: [] for name in KINDS}
    for order in common.turns(list(KINDS), rounds):
        for name in order:
            times[name].append(common.seconds(lambda name=name: run(KINDS[name]), now))
    return times


def table(args: argparse.Namespace) -> str:
    rows = []
    now = time.process_time if args.cpu_time else common.timer
    for batch in args.batch:
        tensors = inputs(batch, args.size, args.device)
        for backward in (False, True):
            times = measure(tensors, backward, args.repeats, now)
            for name, values in times.items():
                ratio = common.paired_ratio(values, times[OURS])
                low, high = ratio['ratio_quartiles']
                rows.append([str(batch), 'forward, backward' if backward else 'forward', name,
                             f'{1e3 * np.median(values):.2f}',
                             f'{ratio["ratio"]:.2f} ({low:.2f}-{high:.2f})'])
    return common.table(['batch', 'pass', 'kind', 'ms', 'times as long as ours'], rows)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('--batch', type=common.positive, nargs='+', default=[1, 32], help='default: 1 32')
    add('--size', type=common.positive, nargs=3, default=[64, 8, 32], metavar=('C', 'H', 'W'),
        help='of the map (default: 64 8 32)')
    add('--repeats', type=common.positive, default=20, help='rounds (default %(default)s)')
    add('--device', type=torch.device, default='cpu')
    add('--threads', type=common.positive, help='CPU threads; default: as torch chooses')
    add('--cpu-time', action='store_true',
        help='time the processor, not the clock: for a machine others use too')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    args = parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    print(common.head(common.environment(args.device)), f'\nrounds {args.repeats}\n')
    print(table(args))


if __name__ == '__main__':
    run_tool(main)
