"""Parameters and arithmetic of recognisers, as trained and as needed for reading.

    python tools/model_stats.py configs/siga_r31.py configs/siga_tiny.py
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import torch

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from mmengine.config import Config  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmocr.registry import MODELS  # isort: skip
from torch.utils.flop_counter import FlopCounterMode  # isort: skip


def count(module: torch.nn.Module | None) -> int:
    """Number of parameters, 0 for None."""
    return 0 if module is None else sum(p.numel() for p in module.parameters())


def stats(config: str, shape: Sequence[int]) -> dict[str, float]:
    """Figures of one config.

    Args:
        config (str): Path of the config.
        shape (Sequence[int]): Height and width of the input.

    Returns:
        dict: ``all`` and ``reading``, parameters in millions, and ``gmacs``, the multiply-adds of
        reading one image with all decoding steps, in 10^9.
    """
    cfg = Config.fromfile(config)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    model = MODELS.build(cfg.model).eval()
    head = count(getattr(model, 'glyph_head', None))
    end = model.decoder.dictionary.end_idx
    # No word ends, so that every step is counted whatever the weights are.
    for name, parameter in model.decoder.named_parameters():
        if name.endswith('classifier.bias') and end is not None:
            parameter.data[end] = -1e4
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, *shape), mode='tensor')
    return dict(all=count(model) / 1e6, reading=(count(model) - head) / 1e6,
                gmacs=counter.get_total_flops() / 2e9)


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line a config."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('configs', nargs='+')
    parser.add_argument('--shape', nargs=2, type=int, default=(32, 128), metavar=('H', 'W'))
    args = parser.parse_args(argv)
    print('| config | parameters (M) | to read (M) | multiply-adds to read (G) |')
    print('|---|---|---|---|')
    for config in args.configs:
        row = stats(config, args.shape)
        print(f'| {config} | {row["all"]:.2f} | {row["reading"]:.2f} | {row["gmacs"]:.3f} |')
    return 0


if __name__ == '__main__':
    sys.exit(main())
