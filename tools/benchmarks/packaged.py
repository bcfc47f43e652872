"""Time a packaged reader by onnxruntime and by PyTorch beside rapidocr's recognizer, in turns.

    OMP_NUM_THREADS=1 python tools/benchmarks/packaged.py --threads 1
    python tools/benchmarks/packaged.py --model siga_tiny_words --batch 1 32 --json packaged.json

All read the same pictures, from their pixels to their text, once (no test-time augmentation), with
as many threads. In each round all take their turns, begun by another one; ratios are taken within
a round. Then processes are started that read one picture each: from the command to its text.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import common
import cv2
import numpy as np
import torch
from report import ratio_text

from mmocr_siga.apis import ONNXWordReader, WordInferencer
from mmocr_siga.cli import run_tool
from mmocr_siga.inference.packaged import DEFAULT_MODEL

YARDSTICK = 'rapidocr'
RAPIDOCR = ('import sys; from rapidocr import RapidOCR; '
            'print(RapidOCR()(sys.argv[1], use_det=False, use_cls=False).txts)')

Read = Callable[[Sequence[np.ndarray], int], Any]


def by_onnxruntime(args: argparse.Namespace) -> Read:
    return ONNXWordReader(args.model, args.threads, workers=0, tta=0)


def by_pytorch(args: argparse.Namespace) -> Read:
    return WordInferencer(args.model, device='cpu', workers=0, tta=0)


def by_rapidocr(args: argparse.Namespace) -> Read:
    from rapidocr import RapidOCR
    from rapidocr.ch_ppocr_rec.typings import TextRecInput
    engine = RapidOCR(params={
        'Global.log_level': 'error', 'EngineConfig.onnxruntime.intra_op_num_threads': args.threads})
    # The recognizer is there from the first word on.
    engine(np.full((48, 160, 3), 127, np.uint8), use_det=False, use_cls=False)
    recognizer = engine.text_rec

    def read(pictures: Sequence[np.ndarray], size: int) -> Any:
        recognizer.rec_batch_num = size
        return recognizer(TextRecInput(img=list(pictures)))

    return read


READERS = {'onnx': by_onnxruntime, 'torch': by_pytorch, YARDSTICK: by_rapidocr}


def measured(readers: dict[str, Read], pictures: Sequence[np.ndarray], size: int,
             rounds: int) -> dict[str, list[float]]:
    """Pictures a second of each reader in each round."""
    batches = [pictures[i:i + size] for i in range(0, len(pictures) // size * size, size)]
    found: dict[str, list[float]] = {name: [] for name in readers}

    def turn(read: Read) -> None:
        for batch in batches:
            read(batch, size)

    for read in readers.values():
        turn(read)
    for order in common.turns(list(readers), rounds):
        for name in order:
            readers[name](batches[0], size)  # untimed: threads of the one before may still spin
            seconds = common.seconds(lambda read=readers[name]: turn(read))
            found[name].append(len(batches) * size / seconds)
    return found


def starts(names: Sequence[str], picture: str, args: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds from the start of a process to its text."""
    own = ['-m', 'mmocr_siga', 'read', picture, '--model', args.model, '--device', 'cpu']
    commands = {'onnx': own, 'torch': [*own, '--backend', 'torch'],
                YARDSTICK: ['-c', RAPIDOCR, picture]}
    found: dict[str, list[float]] = {name: [] for name in names}
    for order in common.turns(list(names), args.starts):
        for name in order:
            found[name].append(common.seconds(lambda name=name: subprocess.run(
                [sys.executable, *commands[name]], check=True, capture_output=True)))
    return found


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add('--model', default=DEFAULT_MODEL, help='name or config of a packaged model '
        '(default %(default)s)')
    add('--readers', nargs='+', choices=list(READERS), default=list(READERS),
        help='default: all')
    add('--batch', type=common.positive, nargs='+', default=[1, 32], help='default: 1 32')
    add('--words', type=common.positive, default=64, help='default: %(default)s')
    add('--repeats', type=common.positive, default=11, help='rounds (default %(default)s)')
    add('--threads', type=common.positive, default=1, help='default: %(default)s')
    add('--starts', type=int, default=5, help='processes of each (default %(default)s)')
    add('--json', type=Path, metavar='FILE', help='file to write')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    words, source = common.find_words(max(args.words, *args.batch))
    pictures = [cv2.imread(word.path) for word in words]
    readers = {name: READERS[name](args) for name in args.readers}
    speeds = {size: measured(readers, pictures, size, args.repeats) for size in args.batch}
    seconds = starts(args.readers, words[0].path, args) if args.starts > 0 else {}
    info = dict(common.environment(torch.device('cpu')), words=source, model=args.model)
    print(f'{common.head(info)}\n\n{table(speeds, seconds)}')
    if args.json:
        args.json.write_text(json.dumps(dict(environment=info, images_per_s=speeds,
                                             start_s=seconds), indent=2))
    return 0


def table(speeds: dict[int, dict[str, list[float]]], seconds: dict[str, list[float]]) -> str:
    """A row for each reader: pictures a second and ratio at each batch size, and its start."""
    names = list(next(iter(speeds.values())))
    base = YARDSTICK if YARDSTICK in names else names[-1]
    heads, columns = ['reader'], []
    for size, found in speeds.items():
        heads += [f'images/s, batch {size}', f'times {base} (quartiles)']
        columns.append({name: f'{np.median(values):.4g}' for name, values in found.items()})
        columns.append({name: ratio_text(common.paired_ratio(values, found[base]))
                        for name, values in found.items()})
    if seconds:
        heads.append('start to text, s: quartiles')
        columns.append({name: ' / '.join(f'{q:.2f}' for q in np.percentile(
            values, (25, 50, 75))) for name, values in seconds.items()})
    return common.table(heads, [[name, *(column[name] for column in columns)] for name in names])


if __name__ == '__main__':
    run_tool(main)
