"""Export a recognizer as one ONNX graph that needs neither PyTorch nor MMOCR to read.

    python tools/checkpoints/export_onnx.py CONFIG WEIGHTS siga_tiny.onnx --check
    python tools/checkpoints/export_onnx.py configs/siga_tiny.py siga_tiny.pth siga_tiny.onnx \\
        --int8 siga_tiny_int8.onnx --check words/ --glyph-maps

The characters, the preprocessing and the name of the model are in the file's metadata, so that
mmocr_siga.apis.ONNXRecognizer needs nothing else. SIGA, SIGA-P, SRN and the plain attention decoder
can be exported. --check reads words with PyTorch and with each file written, and says how they
compare; it fails where the float file reads otherwise. See docs/guides/export.md.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)
from mmocr_siga.apis import ONNXRecognizer, WordInferencer, WordResult, export_onnx, quantize_onnx
from mmocr_siga.cli import run_tool
from mmocr_siga.export.onnx_export import DEFAULT_OPSET, OPSETS
from mmocr_siga.inference.inputs import expand
from mmocr_siga.text.protocol import PROTOCOLS, same_under

from mmengine.registry import DefaultScope  # isort: skip
from mmocr.registry import DATASETS  # isort: skip

# Where scores of the two may differ: float32 arithmetic in another order.
TOLERANCE = 1e-3


class Comparison(NamedTuple):
    """How a file reads beside PyTorch."""
    same: int  # words read alike
    words: int
    difference: float  # greatest of a character's probability, in words read alike

    def __str__(self) -> str:
        return f'{self.same} of {self.words} as PyTorch, scores within {self.difference:.1e}, '


def compare(expected: Sequence[WordResult], got: Sequence[dict]) -> Comparison:
    """Compare what PyTorch and :class:`ONNXRecognizer` read of the same words."""
    pairs = [(a, b) for a, b in zip(expected, got) if a.text == b['text']]
    gaps = [np.abs(np.subtract(a.char_scores, b['char_scores'])).max(initial=0) for a, b in pairs]
    return Comparison(len(pairs), len(got), float(max(gaps, default=0)))


def words_of(inferencer: WordInferencer, pictures: Sequence[str]) -> tuple[list, list | None]:
    """Pictures to check with, and their labels where known: those named, or the test set."""
    if pictures:
        sources = list(expand(list(pictures)))
        wrong = next((s for s in sources if s.error is not None), None)
        if wrong is not None:
            raise ValueError(f'cannot check with {wrong.path}: {wrong.error}')
        return [source.path for source in sources], None
    with DefaultScope.overwrite_default_scope('mmocr'):
        dataset = DATASETS.build(inferencer.cfg.test_dataloader.dataset)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return ([info['img_path'] for info in infos],
            [info['instances'][0]['text'] for info in infos])


def check(inferencer: WordInferencer, files: dict[str, Path], args: argparse.Namespace) -> bool:
    """Print how PyTorch and the files read; whether the float file reads as PyTorch does."""
    paths, labels = words_of(inferencer, args.check)
    good, expected = True, None
    for name, path in dict(PyTorch=None, **files).items():
        read = None if path is None else ONNXRecognizer(path, args.threads)
        start = time.perf_counter()
        if read is None:
            expected = inferencer(paths, args.batch_size, return_char_boxes=False, progress=False)
            got, alike = [dict(text=word.text) for word in expected], ''
        else:
            got = read(paths, args.batch_size)
            alike = compare(expected, got)
        seconds = time.perf_counter() - start
        unread = next((word for word in expected if word.error), None)
        if unread is not None:
            raise ValueError(f'cannot check with {unread.path}: {unread.error}')
        right = '' if labels is None else '{:7.1%} right, '.format(np.mean([
            same_under(label, word['text'], args.protocol) for label, word in zip(labels, got)]))
        print(f'{name:8s} {right}{alike}{len(got) / seconds:.1f} words/s')
        if name == 'float':
            good = alike.same == alike.words and alike.difference <= TOLERANCE
    return good


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('config', help='config of the recognizer')
    add('weights', help='its checkpoint')
    add('output', type=Path, metavar='OUT.onnx', help='the file to write')
    add('--opset', type=int, default=DEFAULT_OPSET,
        help=f'version of the ONNX operators, {OPSETS[0]} to {OPSETS[1]} (default %(default)s)')
    add('--int8', type=Path, metavar='OUT.onnx',
        help='write a second file with matrix products in int8')
    add('--glyph-maps', action='store_true',
        help='output where each character is, too (SIGA and SIGA-P)')
    add('--dynamic-width', action='store_true',
        help='let images have any width that the model can read')
    add('--name', help='name of the model in the metadata (default: the name of the config)')
    add('--check', nargs='*', metavar='PICTURES',
        help="compare with PyTorch on pictures or folders; on the config's test set if none is "
        'named')
    add('--protocol', choices=sorted(PROTOCOLS), default='36',
        help='what counts as read right (default %(default)s)')
    add('--batch-size', type=int, default=32, help='for --check (default %(default)s)')
    add('--threads', type=int, help='for --check (default: all cores)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool: 0; 1 where --check found differences."""
    args = parse(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.int8 is not None and args.int8.resolve() == args.output.resolve():
        raise ValueError(f'--int8 and the float file are both {args.output}')
    inferencer = WordInferencer(args.config, args.weights, device='cpu', optimize=False)
    metadata = export_onnx(inferencer.model, args.output, args.opset, args.glyph_maps,
                           args.dynamic_width, args.name or Path(args.config).stem)
    files = dict(float=args.output)
    if args.int8 is not None:
        quantize_onnx(args.output, args.int8)
        files['int8'] = args.int8
    for path in files.values():
        print(f'{path}: {metadata["model"]} ({metadata["decoder"]}), '
              f'{path.stat().st_size / 1e6:.1f} MB, opset {metadata["opset"]}')
    if args.check is not None and not check(inferencer, files, args):
        print('export_onnx: the exported file reads otherwise than PyTorch', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    run_tool(main)
