"""Start a recognizer for other characters from trained weights.

    SIGA_DICT=94 python tools/checkpoints/convert_dictionary.py configs/siga_tiny.py \\
        siga_tiny_36.pth out.pth --from 36

CONFIG is that of the wanted recognizer: the one of the weights with another dictionary. Each
character's rows come from the same character, or from its other case, or are the mean of all
(mmocr_siga.apis.transfer_dictionary). Load the result as `load_from` and train on.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.registry import MODELS, init_default_scope
from mmengine.runner import CheckpointLoader

from mmocr_siga.apis import transfer_dictionary
from mmocr_siga.cli import run_tool
from mmocr_siga.compat.configs import read_config
from mmocr_siga.compat.saving import whole_file
from mmocr_siga.models.utils.weights import weights_of
from mmocr_siga.text.charsets import find_charset


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('config', help='config of the wanted recognizer')
    parser.add_argument('weights', help='to start from')
    parser.add_argument('out', type=Path, help='file to write')
    parser.add_argument('--from', dest='source', required=True, metavar='DICTIONARY',
                        help="dictionary of the weights: '36', '62', '94', or a file")
    args = parser.parse_args(argv)
    cfg = read_config(args.config)
    init_default_scope(cfg.get('default_scope', 'mmocr'))
    model = MODELS.build(cfg.model)
    checkpoint = CheckpointLoader.load_checkpoint(args.weights, map_location='cpu')
    weights = weights_of(checkpoint, args.weights)
    weights = transfer_dictionary(weights, model, find_charset(args.source))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(args.out, 'wb') as file:
        torch.save(dict(state_dict=weights), file)
    print(f'wrote {args.out} for {model.decoder.dictionary.num_classes} classes')
    return 0


if __name__ == '__main__':
    run_tool(main)
