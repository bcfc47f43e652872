"""Export a text detector to ONNX.

    python tools/checkpoints/export_detector.py dbnet_words dbnet_words.onnx --check photos/
    python tools/checkpoints/export_detector.py configs/textdet/dbnet_lcnetv4.py dbnet.onnx \\
        --weights work_dirs/dbnet_lcnetv4/iter_1500.pth

The graph takes pictures of any size, multiples of 32; how they are resized, and how words are found
in the probabilities that come out, is in the file's metadata, so that
mmocr_siga.apis.ONNXDetector needs nothing else. --check compares the probabilities of pixels, and
what is found, with PyTorch's, and fails where they differ. See docs/guides/export.md.
"""
from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from mmocr_siga.cli import run_tool
from mmocr_siga.export.detector_export import export_detector
from mmocr_siga.export.onnx_export import DEFAULT_OPSET
from mmocr_siga.inference.detectors import MMOCRDetector
from mmocr_siga.inference.inputs import expand, picture_of
from mmocr_siga.inference.onnx_detector import ONNXDetector

TOLERANCE = 1e-4


def compare(expected: MMOCRDetector, got: ONNXDetector, pictures: Sequence[str]) -> float:
    """The greatest difference of a probability in pictures; prints time and findings of both."""
    worst, seconds, counts = 0.0, [0.0, 0.0], [0, 0]
    model = expected.inferencer.model
    for source in expand(list(pictures)):
        image = picture_of(source)
        for i, detector in enumerate((expected, got)):
            start = time.perf_counter()
            counts[i] += len(detector(image).polygons)
            seconds[i] += time.perf_counter() - start
        data = next(iter(expected.inferencer.preprocess([image], 1)))[1]
        inputs = model.data_preprocessor(data, False)['inputs']
        with torch.no_grad():
            own = model(inputs, mode='tensor').numpy()
        worst = max(worst, float(np.abs(own - got.text_map(got.prepared(image)[0])).max()))
    for name, count, spent in zip(('PyTorch', 'onnxruntime'), counts, seconds):
        print(f'{name:12s} {count} regions, {spent:.1f} s')
    return worst


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('det', help='config of the detector, or name of a packaged one')
    add('output', type=Path, metavar='OUT.onnx', help='the file to write')
    add('--weights', metavar='FILE', help='its checkpoint; needed with a config')
    add('--opset', type=int, default=DEFAULT_OPSET, help='default: %(default)s')
    add('--check', nargs='+', metavar='PICTURES',
        help='compare with PyTorch on pictures or folders')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool: 0; 1 where --check found differences."""
    args = parse(argv)
    detector = MMOCRDetector(args.det, args.weights, 'cpu')
    model = detector.inferencer.model
    export_detector(model, args.output, args.opset, Path(args.det).stem)
    print(f'{args.output}: {args.output.stat().st_size / 1e6:.1f} MB')
    if args.check:
        found = ONNXDetector(args.output, torch.get_num_threads())
        worst = compare(detector, found, args.check)
        print(f'probabilities within {worst:.1e}')
        if worst > TOLERANCE:
            print('export_detector: the file finds otherwise than PyTorch', file=sys.stderr)
            return 1
    return 0


if __name__ == '__main__':
    run_tool(main)
