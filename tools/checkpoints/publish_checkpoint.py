"""Strip a checkpoint to what reading needs: no training head, optimizer or logs.

    python tools/checkpoints/publish_checkpoint.py work_dirs/siga_tiny/iter_4500.pth siga_tiny.pth
    python tools/checkpoints/publish_checkpoint.py work_dirs/sar_glyph/epoch_5.pth sar.pth \\
        --without-plugins

The result holds tensors and plain containers alone. Beside it lies its checksum, as ``sha256sum``
writes it, which is compared when the file is loaded. Load it as it is; MMEngine names the weights
of the training head as missing unless the config sets ``model.glyph_head=None``. With
``--without-plugins`` the weights of plug-ins are left out too: what is left is a checkpoint of the
recognizer they were plugged into (not of one whose plug-ins feed it features, which cannot read
without them).
"""
from __future__ import annotations

import argparse
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import torch

import mmocr_siga
from mmocr_siga.cli import run_tool
from mmocr_siga.compat.checkpoint import load
from mmocr_siga.compat.saving import whole_file
from mmocr_siga.compat.sums import sha256_of

TRAINING_ONLY = 'glyph_head.'
PLUGINS = 'plugins.'


def publish(source: Path, target: Path, without_plugins: bool = False) -> tuple[int, int]:
    """Write the stripped checkpoint: numbers of tensors kept and left out."""
    checkpoint = load(source, 'cpu')
    if not isinstance(checkpoint, dict) or 'state_dict' not in checkpoint:
        raise ValueError(f'{source} holds no state_dict: give a checkpoint of a training run')
    weights = checkpoint['state_dict']
    left_out = (TRAINING_ONLY, PLUGINS) if without_plugins else TRAINING_ONLY
    kept = OrderedDict((name, value) for name, value in weights.items()
                       if not name.startswith(left_out))
    meta = dict(mmocr_siga_version=mmocr_siga.__version__)
    listed = target.with_name(f'{target.name}.sha256')
    listed.unlink(missing_ok=True)
    with whole_file(target, 'wb') as file:
        torch.save(dict(meta=meta, state_dict=kept), file)
    listed.write_text(f'{sha256_of(target)}  {target.name}\n', encoding='utf-8')
    return len(kept), len(weights) - len(kept)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('source', type=Path)
    parser.add_argument('target', type=Path)
    parser.add_argument('--without-plugins', action='store_true',
                        help='leave out the weights of plug-ins')
    args = parser.parse_args(argv)
    kept, left = publish(args.source, args.target, args.without_plugins)
    size = args.target.stat().st_size / 2 ** 20
    print(f'{args.target}: {kept} tensors, {size:.1f} MiB; {left} tensors left out')
    return 0


if __name__ == '__main__':
    run_tool(main)
