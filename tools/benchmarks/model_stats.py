"""Parameters and arithmetic of recognizers, as trained and as needed for reading.

    python tools/benchmarks/model_stats.py configs/siga_r31.py configs/siga_tiny.py
    python tools/benchmarks/model_stats.py projects/siga/configs/siga_?.py

The size of the input is that of the test pipeline unless --shape is given.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import torch
from common import build_model, count, gflops, load_config, no_word_ends, table
from mmengine.config import Config


def input_shape(cfg: Config) -> tuple[int, int]:
    """Height and width that the test pipeline resizes to, (32, 128) where it does not."""
    for transform in cfg.get('test_pipeline', ()):
        if transform['type'] == 'Resize' and 'scale' in transform:
            width, height = transform['scale']
            return height, width
    return 32, 128


def stats(config: str, shape: Sequence[int] | None = None) -> tuple[float, float, float]:
    """Figures of one config.

    Returns:
        All parameters and those that reading needs, in millions, and the multiply-adds of reading
        one image with all decoding steps, in 10^9.
    """
    cfg = load_config(config)
    model = build_model(cfg).eval()
    head = count(getattr(model, 'glyph_head', None))
    no_word_ends(model)
    image = torch.zeros(1, 3, *(shape or input_shape(cfg)))
    with torch.no_grad():
        work = gflops(lambda: model(image, mode='tensor'), fused=True)
    return count(model) / 1e6, (count(model) - head) / 1e6, work / 2


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('configs', nargs='+')
    parser.add_argument('--shape', nargs=2, type=int, metavar=('H', 'W'))
    args = parser.parse_args(argv)
    rows = []
    for config in args.configs:
        parameters, reading, work = stats(config, args.shape)
        rows.append([config, f'{parameters:.2f}', f'{reading:.2f}', f'{work:.3f}'])
    print(table(['config', 'parameters (M)', 'to read (M)', 'multiply-adds to read (G)'], rows))
    return 0


if __name__ == '__main__':
    sys.exit(main())
