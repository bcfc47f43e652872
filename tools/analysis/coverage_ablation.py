"""What coverage does for decoders that read long strings or words, on PP-OCRv6's trunk.

    python tools/analysis/coverage_ablation.py --data data/long_strings --work-dir coverage
    python tools/analysis/coverage_ablation.py --work-dir coverage_words

Codes that repeat themselves and formulas of 30 to 100 characters (docs/guides/coverage.md says how
they are rendered), or without --data the real words of trunk_ablation.py, go through the frozen
trunk once, at a height of 48 and 8 pixels a column. Over its maps learn, from nothing, CoMER's
decoder and an attention decoder, each with and without coverage, from the same weights, on the same
strings in the same order. Tested on the held-out ones: strings and characters that are right, by
length and, of words, by set, and characters in 100 that are dropped, doubled, inserted or replaced.
Words are compared under protocol 36. Runs that have a result are not run again.
"""
from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from mmocr.registry import DATASETS, MODELS
from plugin_ablation import cell, write
from torch import Tensor, nn
from trunk_ablation import (
    CHANNELS,
    Trunk,
    Words,
    begin,
    kept,
    pipeline,
    train,
    training_words,
    validation_words,
)

import mmocr_siga  # noqa: F401  (registers what the configs name)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.models.layers import valid_columns
from mmocr_siga.structures.encodings import GlyphEncoding
from mmocr_siga.text.character_errors import CharacterErrors, character_errors
from mmocr_siga.text.protocol import normalized

SETS = ('codes', 'formulas')
WIDTH, LENGTH, WORD_LENGTH = 1280, 100, 25
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


def recognizer(name: str, characters: str = '94', length: int = LENGTH) -> dict:
    """Config of a recognizer over held maps of the trunk."""
    dictionary = dict(type='WordDictionary', dict_file=characters, with_end=True,
                      with_unknown=True, unknown_token=None)
    return dict(
        type='GlyphRecognizer',
        data_preprocessor=dict(type='WordDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3),
        backbone=dict(type='TrunkMap', rows=1), encoder=dict(type='PlacedColumns'),
        decoder=dict(DECODERS[name], dictionary=dictionary, in_channels=CHANNELS,
                     max_seq_len=length))


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


@dataclass
class Compared:
    """What decoders learn and are tested on."""

    trained: Words
    tested: Words
    labels: list[str]
    parts: dict[str, np.ndarray]  # name of a part of ``tested`` -> bool (N, )
    recognizer: Callable[[str], dict]
    compared: Callable[[str], str] = str  # what of a reading is compared with its label


def string_sets(args: argparse.Namespace) -> Compared:
    trunk = Trunk()
    trained, tested = (
        trunk.words(strings(args.data, split, count), split, slice(2, None))
        for split, count in (('train', args.strings), ('val', args.strings // 10)))
    labels = [sample.gt_text.item for sample in tested.samples]
    long = np.array([len(label) > args.long for label in labels])
    return Compared(trained, tested, labels, {f'up to {args.long}': ~long, 'longer': long},
                    recognizer)


def word_sets(args: argparse.Namespace) -> Compared:
    trunk = Trunk()
    packed, names = validation_words(None)
    trained, tested = (
        trunk.words(words, note, slice(2, None)) for words, note in (
            (training_words(args.words, 0), 'training words'), (packed, 'validation words')))
    labels = [normalized(sample.gt_text.item) for sample in tested.samples]
    length = np.array(list(map(len, labels)))
    parts = {'up to 5': length <= 5, '6 to 8': (length > 5) & (length < 9), 'longer': length > 8,
             'a character twice': np.array([len(set(label)) < len(label) for label in labels])}
    parts |= {name: np.array(names) == name for name in dict.fromkeys(names)}
    return Compared(trained, tested, labels, parts, partial(
        recognizer, characters='lower_english_digits.txt', length=WORD_LENGTH), normalized)


def run(name: str, seed: int, sets: Callable[[], Compared], args: argparse.Namespace) -> dict:
    found = sets()
    torch.manual_seed(seed)
    model = MODELS.build(found.recognizer(name))
    model.init_weights()
    torch.manual_seed(seed)
    seconds, start = train(model, found.trained, args.steps, seed, args), time.process_time()
    readings = list(map(found.compared, read(model, found.tested)))
    parts = dict(all=np.ones(len(readings), bool), **found.parts)
    return dict(decoder=name, seed=seed, steps=args.steps, seconds=seconds,
                reading=time.process_time() - start, parts={part: figures(
                    list(itertools.compress(found.labels, mask)),
                    list(itertools.compress(readings, mask))) for part, mask in parts.items()})


def summarize(results: Sequence[dict], by_part: str) -> str:
    """A row a decoder, in %: means and standard deviations over the seeds; of the parts, ``right``
    characters or ``strings``."""
    parts = [part for part in results[0]['parts'] if part != 'all']
    columns = [('all', 'strings'), ('all', 'right'),
               *(('all', kind) for kind in CharacterErrors._fields),
               *((part, by_part) for part in parts)]
    names = ['decoder', 'seeds', 'strings', 'characters', *CharacterErrors._fields, *parts, 's']
    lines = [f'| {" | ".join(names)} |', '|' + '---|' * len(names)]
    for name in dict.fromkeys(r['decoder'] for r in results):
        rows = [r for r in results if r['decoder'] == name]
        cells = [cell([r['parts'][part][figure] for r in rows]) for part, figure in columns]
        seconds = np.mean([r['seconds'] for r in rows])
        lines.append(f'| {name} | {len(rows)} | ' + ' | '.join(cells) + f' | {seconds:.0f} |')
    return '\n'.join(lines)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('--data', type=Path, help='folder of codes/ and formulas/ (default: real words)')
    add('--decoders', nargs='+', choices=DECODERS, default=list(DECODERS), metavar='NAME',
        help=f'of {", ".join(DECODERS)} (default: all)')
    add('--seeds', type=int, nargs='+', default=[0, 1, 2], help='default: 0 1 2')
    add('--steps', type=positive, default=600, help='training steps (default %(default)s)')
    add('--batch-size', type=positive, default=16, help='default: %(default)s')
    add('--lr', type=float, default=2e-3, help='highest learning rate (default %(default)s)')
    add('--strings', type=positive, default=1500, help='of each set (default %(default)s)')
    add('--words', type=positive, default=5000, help='training words (default %(default)s)')
    add('--long', type=positive, default=65, help='longer ones are told apart (%(default)s)')
    add('--threads', type=positive, default=1, help='CPU threads (default %(default)s)')
    add('--work-dir', type=Path, default=Path('work_dirs/coverage_ablation'))
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is missing; a seed is finished before the next."""
    args = parse_args(argv)
    begin(args.threads)
    sets = cache(lambda: (string_sets if args.data else word_sets)(args))
    by_part, results = 'right' if args.data else 'strings', []
    for seed, name in itertools.product(args.seeds, args.decoders):
        results.append(kept(args.work_dir / name.replace(', ', '_') / f'seed{seed}.json',
                            f'{name}, seed {seed}', partial(run, name, seed, sets, args)))
        right = results[-1]['parts']['all']['right']
        print(f'  {name}, seed {seed}: {100 * right:.1f} % of the characters', flush=True)
        write(args.work_dir / 'results.md', summarize(results, by_part))
    print(summarize(results, by_part))
    return 0


if __name__ == '__main__':
    run_tool(main)
