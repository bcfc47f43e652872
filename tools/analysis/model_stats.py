"""Parameters and arithmetic of recognisers, as trained and as needed for reading.

    python tools/analysis/model_stats.py configs/siga_r31.py configs/siga_tiny.py
    python tools/analysis/model_stats.py projects/siga/configs/siga_?.py

The size of the input is that of the test pipeline unless --shape is given.
"""
from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

from mmengine.config import Config  # isort: skip
from mmengine.registry import init_default_scope  # isort: skip
from mmocr.registry import MODELS  # isort: skip
from torch.utils.flop_counter import FlopCounterMode  # isort: skip


def count(module: torch.nn.Module | None) -> int:
    """Number of parameters, 0 for None."""
    return 0 if module is None else sum(p.numel() for p in module.parameters())


def input_shape(cfg: Config) -> tuple[int, int]:
    """Height and width that the test pipeline resizes to, (32, 128) where it does not."""
    for transform in cfg.get('test_pipeline', ()):
        if transform['type'] == 'Resize' and 'scale' in transform:
            width, height = transform['scale']
            return height, width
    return 32, 128


@contextmanager
def plain_attention() -> Iterator[None]:
    """Let attention run as matrix products, which the counter knows on every device."""
    backend = torch.backends.cuda  # its switches hold for the CPU as well
    before = backend.flash_sdp_enabled(), backend.mem_efficient_sdp_enabled()
    backend.enable_flash_sdp(False)
    backend.enable_mem_efficient_sdp(False)
    try:
        yield
    finally:
        backend.enable_flash_sdp(before[0])
        backend.enable_mem_efficient_sdp(before[1])


def stats(config: str, shape: Sequence[int] | None = None) -> dict[str, float]:
    """Figures of one config.

    Args:
        config (str): Path of the config.
        shape (Sequence[int], optional): Height and width of the input. Defaults to
            :func:`input_shape`.

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
    image = torch.zeros(1, 3, *(shape or input_shape(cfg)))
    with torch.no_grad(), plain_attention(), FlopCounterMode(display=False) as counter:
        model(image, mode='tensor')
    return dict(all=count(model) / 1e6, reading=(count(model) - head) / 1e6,
                gmacs=counter.get_total_flops() / 2e9)


def main(argv: Sequence[str] | None = None) -> int:
    """Print one line a config."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('configs', nargs='+')
    parser.add_argument('--shape', nargs=2, type=int, metavar=('H', 'W'))
    args = parser.parse_args(argv)
    print('| config | parameters (M) | to read (M) | multiply-adds to read (G) |')
    print('|---|---|---|---|')
    for config in args.configs:
        row = stats(config, args.shape)
        print(f'| {config} | {row["all"]:.2f} | {row["reading"]:.2f} | {row["gmacs"]:.3f} |')
    return 0


if __name__ == '__main__':
    sys.exit(main())
