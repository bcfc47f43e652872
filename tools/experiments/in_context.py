"""What a handful of labelled words of one kind is good for, by ways to use them.

    python tools/experiments/in_context.py --out work_dirs/in_context
    python tools/experiments/in_context.py --out work_dirs/in_context --tune 32 --sets plates_us
    python tools/experiments/in_context.py --out work_dirs/in_context \\
        --model configs/in_context_tiny_icl.py work_dirs/in_context_tiny_icl/iter_4000.pth

Words of each kind, real ones of $SIGA_DATA (val.tsv; sets that are not there are left out) and
drawn ones, are split into words to test on and a pool, without a text in both. The packaged readers
read the former as they are; with the first 8, 32, 100 words of the pool as context; and with --tune
trained on by tools/adapt.py with these. So does an in-context model (--model), and PP-OCRv6, where
rapidocr is installed, reads without. Controls, with 32 words: their labels exchanged; words of the
next kind; 8 of 100 at random in the place of the 8 nearest. No views are taken (tta=0).

Results are lines of results.jsonl; what has one is not run again. The table, table.md, is word
accuracy in % with bootstrap intervals of 95 %, of exact texts or by --protocol.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import MMLogger
from tabulate import tabulate

from mmocr_siga.apis import ContextPool, WordInferencer
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.datasets.formats.records import open_source
from mmocr_siga.images import decode_picture, encode_picture
from mmocr_siga.inference.packaged import DEFAULT_MODEL, packaged_of
from mmocr_siga.rendering import FontLibrary, RenderStyle, WordRenderer
from mmocr_siga.rendering.fonts import built_in_faces, find_font_files, invented_face, probe_face
from mmocr_siga.rendering.words import COMMON_WORDS, RandomSource, SerialSource, WordSource
from mmocr_siga.text.protocol import PROTOCOLS, same_under

ROOT = Path(__file__).resolve().parents[2]
READERS = (DEFAULT_MODEL, 'siga_tiny_words')
REAL = ('wire_marks', 'plates_us', 'plates_cn', 'plates_id', 'plates_world', 'receipts_sroie')
COUNTS = (8, 32, 100)
CONTROL, NEAREST = 32, 8
PPOCR = 'PP-OCRv6'
_LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
_HANDS = ('dkg.', 'dancingscript-regular', 'kaushanscript-regular')  # parts of files' names
Words = list[tuple[np.ndarray, str]]


def real_words(name: str, tests: int, seed: int) -> tuple[Words, Words] | None:
    """Validation words to test on and a pool of other texts: validation words as long as there are
    some, then training words, which the packaged readers know. None where there is no such set."""
    folder, splits = Path(os.environ.get('SIGA_DATA', 'data'), 'real', name), []
    if not (folder / 'val.tsv').is_file():
        return None
    for split in ('val', 'train'):
        splits.append([record for record in open_source(folder / f'{split}.tsv') if record.text])
        np.random.default_rng(seed).shuffle(splits[-1])
    val, train = splits
    tested = val[:tests]
    texts = {record.text for record in tested}
    others = [record for record in val[tests:] + train if record.text not in texts]
    return tuple([(decode_picture(record.load()), record.text) for record in part]
                 for part in (tested, others[:max(COUNTS)]))


def drawn_words(name: str, tests: int, seed: int) -> tuple[Words, Words] | None:
    """As :func:`real_words`, drawn; None where the faces are not installed."""
    rng = np.random.default_rng(seed)
    if name == 'dot_matrix':
        charset = '0123456789-/.:' + _LETTERS
        faces = [face for face in built_in_faces(charset) if 'segments' not in face.path]
        source = SerialSource(charset, 10)
    elif name == 'seven_segments':
        charset = '0123456789AbCdEF'
        faces = [face for face in built_in_faces(charset) if 'segments' in face.path]
        source = RandomSource(charset, 7, 4)
    elif name == 'handwriting':
        charset = _LETTERS + _LETTERS.lower()
        found = (probe_face(path, charset, 0.6, 0.2) for path in find_font_files()
                 if Path(path).name.lower().startswith(_HANDS))
        faces, source = [face for face in found if face], WordSource(charset, list(COMMON_WORDS))
    else:
        charset = _LETTERS[:10]
        faces, source = [invented_face(charset, rng)], RandomSource(charset, 6, 3)
    if not faces:
        return None
    render = WordRenderer(FontLibrary(faces, charset), source, RenderStyle.preset('medium'),
                          seed=seed)
    words: dict[str, np.ndarray] = {}
    for i in range(10 * (tests + max(COUNTS))):
        word = render(i)
        words.setdefault(word.text, word.image)
        if len(words) == tests + max(COUNTS):
            break
    drawn = [(image, text) for text, image in words.items()]
    return drawn[:tests], drawn[tests:]


SETS: dict[str, Callable] = {
    **dict.fromkeys(REAL, real_words),
    **dict.fromkeys(('dot_matrix', 'seven_segments', 'handwriting', 'invented_alphabet'),
                    drawn_words)}


class RandomPool(ContextPool):
    """Serves words at random in the place of the nearest."""

    def nearest(self, features: np.ndarray, k: int, digests: Any = None) -> np.ndarray:
        rng = np.random.default_rng(0)
        found = super().nearest(features, len(self), digests)
        return np.stack([np.concatenate([rng.permutation(row[row >= 0]), row[row < 0]])[:k]
                         for row in found])


def pool_of(words: Words, kind: type[ContextPool] = ContextPool) -> ContextPool:
    pool = kind()
    pool.add(*zip(*words))
    return pool


def contexts(name: str, words: dict[str, tuple[Words, Words]]
             ) -> Iterator[tuple[str, ContextPool, int]]:
    """Pools of a set by method, and how many of its words serve a query."""
    pool, names = words[name][1], list(words)
    for count in COUNTS:
        yield f'context {count}', pool_of(pool[:count]), count
    labels = [text for _, text in pool[:CONTROL]]
    moved = [*labels[1:], labels[0]]
    yield 'exchanged labels', pool_of(
        [(image, text) for (image, _), text in zip(pool[:CONTROL], moved)]), CONTROL
    foreign = words[names[(names.index(name) + 1) % len(names)]][1]
    yield 'other kind', pool_of(foreign[:CONTROL]), CONTROL
    yield 'nearest 8 of 100', pool_of(pool), NEAREST
    yield 'random 8 of 100', pool_of(pool, RandomPool), NEAREST


class Results:
    """Lines of JSON, one for each run, that are kept as soon as they are there."""

    def __init__(self, path: Path, tests: int, seed: int) -> None:
        self.path, self.setting = path, dict(tests=tests, seed=seed)
        lines = path.read_text(encoding='utf-8').splitlines() if path.exists() else []
        self.rows = [row for row in map(json.loads, lines)
                     if {key: row[key] for key in self.setting} == self.setting]

    def missing(self, **run: str) -> bool:
        return not any(all(row[key] == value for key, value in run.items()) for row in self.rows)

    def add(self, run: dict[str, str], tested: Words, texts: Sequence[str],
            reading: float | None, adapting: float | None) -> None:
        """Times in seconds of the processor; None: not taken."""
        row = dict(run, **self.setting, labels=[text for _, text in tested], texts=list(texts),
                   seconds_per_word=reading and reading / len(tested), seconds_to_adapt=adapting)
        self.rows.append(row)
        with open(self.path, 'a', encoding='utf-8') as file:
            file.write(json.dumps(row) + '\n')
        right = sum(map(str.__eq__, row['labels'], row['texts']))
        print(f'{run["reader"]}, {run["set"]}, {run["method"]}: {right} of {len(tested)}',
              flush=True)


def by(read: WordInferencer, tested: Words) -> tuple[list[str], float]:
    """Texts, and the processor time that they took."""
    start = time.process_time()
    found = read([image for image, _ in tested], return_char_boxes=False, progress=False)
    return [result.text for result in found], time.process_time() - start


def remember(model: torch.nn.Module) -> None:
    """Let a model encode each batch of pictures once: words are read by many contexts."""
    encode, known = model.encode, {}

    def remembered(images: torch.Tensor, samples: Any = None) -> tuple[Any, Any]:
        key = hashlib.sha256(images.numpy().tobytes()).digest()
        if key not in known:
            known[key] = encode(images, samples)
        return known[key]

    model.encode = remembered


def read_all(results: Results, reader: str, files: Sequence[Any], shots: int | None,
             words: dict[str, tuple[Words, Words]]) -> None:
    """Read the sets without context, and with each; times are taken of the first set."""
    for number, (name, (tested, _)) in enumerate(words.items()):
        run = dict(reader=reader, set=name)
        plain = WordInferencer(*files, device='cpu', tta=0)
        if number:
            remember(plain.model)
        if results.missing(**run, method='none'):
            texts, reading = by(plain, tested)
            results.add(dict(run, method='none'), tested, texts, reading, 0.0)
        for method, pool, count in contexts(name, words):
            if results.missing(**run, method=method):
                start = time.process_time()
                read = plain.with_context(pool, min(count, shots or count))
                adapting = time.process_time() - start
                texts, reading = by(read, tested)
                results.add(dict(run, method=method), tested, texts,
                            *((None, None) if number else (reading, adapting)))


def tune_all(results: Results, reader: str, counts: Sequence[int],
             words: dict[str, tuple[Words, Words]]) -> None:
    """Train a packaged reader on with words of each pool, and read by what came of it."""
    sys.path.append(str(ROOT / 'tools'))
    from adapt import LabelledWord, adapt, label_rule
    files = packaged_of(reader)
    rule = label_rule(files)
    for count in counts:
        for name, (tested, pool) in words.items():
            run = dict(reader=reader, set=name, method=f'tuned {count}')
            if not results.missing(**run):
                continue
            usable = [LabelledWord(str(i), encode_picture(image, '.png'), rule(text).label)
                      for i, (image, text) in enumerate(pool[:count]) if not rule(text).reason]
            start = time.process_time()
            adapted = adapt(usable, files)
            adapting = time.process_time() - start
            with tempfile.TemporaryDirectory() as folder:
                weights = Path(folder, 'adapted.pth')
                torch.save(dict(state_dict=adapted.weights), weights)
                read = WordInferencer(files.config, weights, device='cpu', tta=0)
            results.add(run, tested, *by(read, tested), adapting)


def read_by_ppocr(results: Results, words: dict[str, tuple[Words, Words]]) -> None:
    """Where rapidocr is installed."""
    sys.path.append(str(ROOT / 'tools' / 'benchmarks'))
    from against_ppocr import ppocr_reader

    from mmocr_siga.datasets.formats.records import Record
    try:
        read = ppocr_reader()
    except (ImportError, ValueError) as error:
        print(f'{PPOCR} is left out: {error}', file=sys.stderr)
        return
    for name, (tested, _) in words.items():
        run = dict(reader=PPOCR, set=name, method='none')
        if results.missing(**run):
            records = [Record(str(i), text, lambda image=image: encode_picture(image, '.png'))
                       for i, (image, text) in enumerate(tested)]
            start = time.process_time()
            texts = [text.replace(' ', '') for text in read(records)]
            results.add(run, tested, texts, time.process_time() - start, 0.0)


def interval(right: Sequence[bool], draws: int = 2000) -> tuple[float, float, float]:
    """Mean in % and its bootstrap interval of 95 %."""
    values = np.asarray(right, float)
    means = np.random.default_rng(0).choice(values, (draws, len(values))).mean(1)
    return tuple(100 * float(x) for x in (values.mean(), *np.quantile(means, (0.025, 0.975))))


def table(rows: Sequence[dict[str, Any]], protocol: str) -> str:
    """Accuracies, a line a reader and method; and below it the times."""
    sets = [name for name in SETS if any(row['set'] == name for row in rows)]
    lines: dict[tuple[str, str], dict[str, str]] = {}
    times: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for row in rows:
        key = row['reader'], row['method']
        right = [same_under(*pair, protocol) for pair in zip(row['labels'], row['texts'])]
        lines.setdefault(key, {})[row['set']] = '{:.0f} ({:.0f}-{:.0f})'.format(*interval(right))
        if row['seconds_per_word'] is not None:
            times.setdefault(key, []).append((row['seconds_per_word'], row['seconds_to_adapt']))
    accuracy = [[*key, *(found.get(name, '') for name in sets)] for key, found in lines.items()]
    seconds = [[*key, *np.mean(found, 0)] for key, found in times.items()]
    return '\n\n'.join([
        tabulate(accuracy, ['reader', 'words used', *sets], 'pipe', disable_numparse=True),
        tabulate(seconds, ['reader', 'words used', 's a word', 's to adapt'], 'pipe',
                 floatfmt='.3f')])


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--out', type=Path, required=True, metavar='FOLDER')
    add('--sets', nargs='+', choices=SETS, default=list(SETS), metavar='SET', help='default: all')
    add('--readers', nargs='*', default=list(READERS), metavar='NAME', help='packaged models '
        '(default: both)')
    add('--model', nargs=2, metavar=('CONFIG', 'WEIGHTS'), help='an in-context model')
    add('--shots', type=positive, default=NEAREST, help='most words of the context that serve it '
        'a word (default: %(default)s)')
    add('--tune', nargs='*', type=positive, default=[], metavar='WORDS', help='numbers of words to '
        'train the packaged readers on with, by tools/adapt.py')
    add('--tests', type=positive, default=100, help='words of a set (default: %(default)s)')
    add('--seed', type=int, default=0, help='of sets and pools (default: %(default)s)')
    add('--protocol', choices=PROTOCOLS, default='94', help='default: %(default)s, exact texts')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the experiment; what is raised of it goes to :func:`.run_tool`."""
    args = parse_args(argv)
    warnings.filterwarnings('ignore')
    MMLogger.get_instance('mmengine', log_level='ERROR')
    args.out.mkdir(parents=True, exist_ok=True)
    results = Results(args.out / 'results.jsonl', args.tests, args.seed)
    words = {}
    for name in args.sets:
        found = SETS[name](name, args.tests, args.seed)
        if found is None:
            print(f'{name} is left out: there is no such data here', file=sys.stderr)
        else:
            words[name] = found
    for reader in args.readers:
        read_all(results, reader, [reader], None, words)
    if args.model:
        read_all(results, Path(args.model[0]).stem, args.model, args.shots, words)
    read_by_ppocr(results, words)
    for reader in args.readers:
        tune_all(results, reader, args.tune, words)
    text = table(results.rows, args.protocol)
    (args.out / 'table.md').write_text(text + '\n', encoding='utf-8')
    print(text)


if __name__ == '__main__':
    run_tool(main)
