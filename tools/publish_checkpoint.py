"""Strip a checkpoint to what reading needs: no training head, optimiser or logs.

    python tools/publish_checkpoint.py work_dirs/siga_tiny/iter_4500.pth siga_tiny.pth

The result holds tensors and plain containers alone. Load it as it is; MMEngine names the weights
of the training head as missing unless the config sets ``model.glyph_head=None``.
"""
from __future__ import annotations

import argparse
import sys
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch

import mmocr_siga
from mmocr_siga.checkpoint import load

TRAINING_ONLY = 'glyph_head.'


def publish(source: Path, target: Path) -> tuple[int, int]:
    """Write the stripped checkpoint.

    Args:
        source (Path): A checkpoint of a training run.
        target (Path): The file to write.

    Returns:
        tuple: Number of tensors kept and left out.

    Raises:
        ValueError: If the file holds no ``state_dict``.
    """
    checkpoint = load(source, 'cpu')
    if not isinstance(checkpoint, dict) or 'state_dict' not in checkpoint:
        raise ValueError(f'{source} holds no state_dict: give a checkpoint of a training run')
    weights = checkpoint['state_dict']
    kept = OrderedDict((name, value) for name, value in weights.items()
                       if not name.startswith(TRAINING_ONLY))
    meta = dict(mmocr_siga_version=mmocr_siga.__version__)
    torch.save(dict(meta=meta, state_dict=kept), target)
    return len(kept), len(weights) - len(kept)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('source', type=Path)
    parser.add_argument('target', type=Path)
    args = parser.parse_args(argv)
    kept, left = publish(args.source, args.target)
    size = args.target.stat().st_size / 2 ** 20
    print(f'{args.target}: {kept} tensors, {size:.1f} MiB; {left} tensors of the training head '
          'left out')
    return 0


if __name__ == '__main__':
    sys.exit(main())
