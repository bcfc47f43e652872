"""What coverage does for decoders that read long strings, on PP-OCRv6's trunk.

    python tools/analysis/coverage_ablation.py --data data/long_strings --work-dir coverage

Codes that repeat themselves and formulas of 30 to 100 characters (docs/guides/coverage.md says how
they are rendered) go through the frozen trunk once, at a height of 48 and 8 pixels a column. Over
its maps learn, from nothing, CoMER's decoder and an attention decoder, each with and without
coverage, from the same weights, on the same strings in the same order. Tested on the held-out ones:
strings and characters that are right, and characters in 100 that are dropped, doubled, inserted or
replaced. Runs that have a result are not run again.
"""
from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from mmocr.registry import DATASETS, MODELS
from plugin_ablation import cell, write
from torch import Tensor, nn
from trunk_ablation import CHANNELS, Trunk, Words, begin, kept, pipeline, train

import mmocr_siga  # noqa: F401  (registers what the configs name)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.models.layers import valid_columns
from mmocr_siga.structures.encodings import GlyphEncoding
from mmocr_siga.text.character_errors import CharacterErrors, character_errors

SETS = ('codes', 'formulas')
WIDTH, LENGTH = 1280, 100
COMER = dict(type='CoverageTransformerDecoder', channels=CHANNELS, num_heads=4, inner_channels=256,
             kernel_size=(1, 5))
ATTENTION = dict(type='ImplicitAttentionDecoder', hidden_size=CHANNELS,
                 module_loss=dict(type='WordLoss'))
DECODERS = {
    'CoMER, plain': dict(COMER, coverage=()),
    'CoMER': COMER,
    'attention, plain': ATTENTION,
    'attention, coverage': dict(ATTENTION, coverage=dict(kernel_size=11)),
}


@MODELS.register_module()
class PlacedColumns(nn.Module):
    """Columns of a map, which know where they are: :class:`MapPositionEncoder` as a memory of
    decoders that read columns."""

    def __init__(self) -> None:
        super().__init__()
        self.places = MODELS.build(dict(type='MapPositionEncoder', in_channels=CHANNELS,
                                        channels=CHANNELS))

    def forward(self, feat: Tensor, data_samples: Sequence | None = None) -> GlyphEncoding:
        columns = self.places(feat, data_samples).mean(2).transpose(1, 2)
        valid = valid_columns(data_samples, columns.shape[1], columns.device)
        return GlyphEncoding(columns, columns, valid, {}, {}, None)


def recognizer(name: str) -> dict:
    """Config of a recognizer over held maps of the trunk."""
    dictionary = dict(type='WordDictionary', dict_file='94', with_end=True, with_unknown=True,
                      unknown_token=None)
    return dict(
        type='GlyphRecognizer',
        data_preprocessor=dict(type='WordDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3),
        backbone=dict(type='TrunkMap', rows=1), encoder=dict(type='PlacedColumns'),
        decoder=dict(DECODERS[name], dictionary=dictionary, in_channels=CHANNELS,
                     max_seq_len=LENGTH))


def strings(root: Path, split: str, count: int) -> list[dict]:
    """The first ``count`` strings of each set, in turn."""
    sets = []
    for name in SETS:
        dataset = DATASETS.build(dict(type='WordTSVDataset', data_root=str(root / name),
                                      ann_file=f'{split}.tsv', pipeline=pipeline(WIDTH)))
        sets.append([dataset[i] for i in range(min(count, len(dataset)))])
    return [word for pair in itertools.zip_longest(*sets) for word in pair if word is not None]


@torch.no_grad()
def read(model: nn.Module, words: Words) -> list[str]:
    model.eval()
    found = []
    for start in range(0, len(words.samples), 32):
        data = words.batch(model, slice(start, start + 32))
        found += [s.pred_text.item for s in model.predict(data['inputs'], data['data_samples'])]
    return found


def figures(labels: Sequence[str], readings: Sequence[str]) -> dict[str, float]:
    """Shares of strings that are right and, of all characters, of those that go wrong."""
    errors = np.array([character_errors(*pair) for pair in zip(labels, readings)])
    total = sum(map(len, labels))
    return dict(strings=float(np.mean([a == b for a, b in zip(labels, readings)])),
                right=1 - float(errors.sum()) / total,
                **dict(zip(CharacterErrors._fields, (errors.sum(0) / total).tolist())))


def run(name: str, seed: int, sets: Callable[[], list[Words]], args: argparse.Namespace) -> dict:
    trained, tested = sets()
    torch.manual_seed(seed)
    model = MODELS.build(recognizer(name))
    model.init_weights()
    torch.manual_seed(seed)
    seconds = train(model, trained, args.steps, seed, args)
    labels, start = [s.gt_text.item for s in tested.samples], time.process_time()
    readings = read(model, tested)
    long = [len(label) > args.long for label in labels]
    parts = dict(all=[True] * len(labels), long=long, short=[not x for x in long])
    return dict(decoder=name, seed=seed, steps=args.steps, seconds=seconds,
                reading=time.process_time() - start, **{part: figures(
                    list(itertools.compress(labels, mask)),
                    list(itertools.compress(readings, mask))) for part, mask in parts.items()})


def summarize(results: Sequence[dict], long: int) -> str:
    """A row a decoder, in %: means and standard deviations over the seeds."""
    lines = [f'| decoder | seeds | strings | characters | up to {long} | longer | dropped '
             '| doubled | inserted | replaced | s |', '|' + '---|' * 11]
    for name in dict.fromkeys(r['decoder'] for r in results):
        rows = [r for r in results if r['decoder'] == name]
        columns = [('all', 'strings'), ('all', 'right'), ('short', 'right'), ('long', 'right'),
                   *(('all', kind) for kind in CharacterErrors._fields)]
        cells = [cell([r[part][figure] for r in rows]) for part, figure in columns]
        seconds = np.mean([r['seconds'] for r in rows])
        lines.append(f'| {name} | {len(rows)} | ' + ' | '.join(cells) + f' | {seconds:.0f} |')
    return '\n'.join(lines)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('--data', type=Path, required=True, help='folder of codes/ and formulas/')
    add('--decoders', nargs='+', choices=DECODERS, default=list(DECODERS), metavar='NAME',
        help=f'of {", ".join(DECODERS)} (default: all)')
    add('--seeds', type=int, nargs='+', default=[0, 1, 2], help='default: 0 1 2')
    add('--steps', type=positive, default=600, help='training steps (default %(default)s)')
    add('--batch-size', type=positive, default=16, help='default: %(default)s')
    add('--lr', type=float, default=2e-3, help='highest learning rate (default %(default)s)')
    add('--strings', type=positive, default=1500, help='of each set (default %(default)s)')
    add('--long', type=positive, default=65, help='longer ones are told apart (%(default)s)')
    add('--threads', type=positive, default=1, help='CPU threads (default %(default)s)')
    add('--work-dir', type=Path, default=Path('work_dirs/coverage_ablation'))
    return parser.parse_args(argv)


def string_sets(args: argparse.Namespace) -> list[Words]:
    trunk = Trunk()
    return [trunk.words(strings(args.data, split, count), split, slice(2, None))
            for split, count in (('train', args.strings), ('val', args.strings // 10))]


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing; a seed is finished before the next."""
    args = parse_args(argv)
    begin(args.threads)
    sets, results = cache(lambda: string_sets(args)), []
    for seed, name in itertools.product(args.seeds, args.decoders):
        results.append(kept(args.work_dir / name.replace(', ', '_') / f'seed{seed}.json',
                            f'{name}, seed {seed}', partial(run, name, seed, sets, args)))
        print(f'  {name}, seed {seed}: {100 * results[-1]["all"]["right"]:.1f} %', flush=True)
        write(args.work_dir / 'results.md', summarize(results, args.long))
    print(summarize(results, args.long))
    return 0


if __name__ == '__main__':
    run_tool(main)
