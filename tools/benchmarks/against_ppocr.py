"""Word accuracy beside PP-OCRv6's, by set: the recognizer of rapidocr on the same words.

    python tools/benchmarks/against_ppocr.py siga_tiny_words
    python tools/benchmarks/against_ppocr.py siga_tiny_words new=configs/siga_lcnet_v4_release.py \\
        --weights new=work_dirs/siga_lcnet_v4_release/iter_2000.pth --sets IC15 plates

Models are packaged ones by name, or configs with --weights. Words count as read by 36 characters:
case and symbols are ignored. What a reader cannot open counts as read wrongly, and is told of;
words whose line in a table is faulty are left out. rapidocr reads as it is installed, one word at a
time, without detector and without turning words upside down, by which it reads fewer of these.
"""
from __future__ import annotations

import argparse
import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import common
from mmengine.config import Config
from mmengine.logging import MMLogger
from tabulate import tabulate
from tqdm import tqdm

from mmocr_siga.apis import WordInferencer
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import share
from mmocr_siga.datasets.formats.records import Record, open_source
from mmocr_siga.models.utils.ppocr_v6 import model_file
from mmocr_siga.text.protocol import same_under

SETS = common.ROOT / 'configs' / '_base_' / 'datasets' / 'real_words_kinds.py'
# Words in, texts out, '' for what could not be read.
Reader = Callable[[Sequence[Record]], list[str]]


class WordSet(NamedTuple):
    name: str
    words: list[Record]
    clean: bool  # one of the five sets of the usual 300 words


def find_sets(wanted: Sequence[str]) -> list[WordSet]:
    """The validation words of real_words_kinds.py, all or those named; others are NAME=PATH.

    Raises:
        FileNotFoundError: If a table is not there.
        ValueError: If one is named that is unknown, or has no words.
    """
    cfg = Config.fromfile(SETS)
    paths = {name: Path(cfg.kinds_root, folder, 'val.tsv')
             for name, folder in cfg.kinds_folders.items()}
    known = {name.lower(): name for name in paths}
    sets = []
    for entry in wanted or paths:
        name, _, path = entry.partition('=')
        name = name if path else known.get(name.lower())
        if name is None:
            raise ValueError(f'there is no set {entry!r}: expected {", ".join(paths)} or NAME=PATH')
        path = Path(path or paths[name])
        records = list(open_source(path))
        words = [record for record in records if record.text is not None]
        if not words:
            raise ValueError(f'{path} has no words')
        if len(words) < len(records):
            common.say(f'{path}: {len(records) - len(words)} of {len(records)} words left out: '
                       + next(f'{r.name} {r.problem}' for r in records if r.text is None))
        sets.append(WordSet(name, words, name in cfg.real_words_folders))
    return sets


def ppocr_reader() -> Reader:
    """PP-OCRv6 as rapidocr gives it; an ImportError or ValueError tells what is wrong with that."""
    model_file('recognizer')
    try:
        from rapidocr import RapidOCR
    except ImportError as error:
        raise ImportError(f"rapidocr lacks what it needs ({error}): pip install '.[trunks]'"
                          ) from error
    engine = RapidOCR(params={'Global.log_level': 'error'})

    def read(words: Sequence[Record]) -> list[str]:
        return [_read_alone(engine, word) for word in tqdm(words, 'PP-OCRv6', disable=None)]

    return read


def _read_alone(engine: Callable, word: Record) -> str:
    try:
        texts = engine(word.load(), use_det=False, use_cls=False).txts
    except Exception as error:  # of one word, by a package that names no errors
        common.say(f'{word.name}: PP-OCRv6: {common.reason(error)}')
        return ''
    return texts[0] if texts else ''


def siga_reader(candidate: common.Candidate, device: str | None, tta: float | None) -> Reader:
    """A model of this package."""
    read = WordInferencer(candidate.config, candidate.weights, device, tta=tta)

    def texts(words: Sequence[Record]) -> list[str]:
        results = read([_content(word) for word in words], return_char_boxes=False)
        for word, result in zip(words, results):
            if result.error is not None:
                common.say(f'{word.name}: {candidate.name}: {result.error}')
        return [result.text for result in results]

    return texts


def _content(word: Record) -> bytes:
    try:
        return word.load()
    except OSError:  # no picture either
        return b''


def accuracy_table(sets: Sequence[WordSet], right: dict[str, list[int]]) -> str:
    """Word accuracies in %, as Markdown; ``right`` has the words read of each set, by reader."""
    numbers = [len(each.words) for each in sets]
    rows = [[each.name, count, *(100 * found[i] / count for found in right.values())]
            for i, (each, count) in enumerate(zip(sets, numbers))]
    clean = [i for i, each in enumerate(sets) if each.clean]
    for name, chosen in (('scenes and plates', clean), ('all', range(len(sets)))):
        count = sum(numbers[i] for i in chosen)
        if len(chosen) > 1:
            rows.append([f'**{name}**', count, *(
                100 * sum(found[i] for i in chosen) / count for found in right.values())])
    return tabulate(rows, ['set', 'words', *right], 'pipe', intfmt=',', floatfmt='.1f')


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('models', nargs='+', metavar='[NAME=]MODEL', help='name of a packaged model, or a config')
    add('--weights', nargs='+', default=[], metavar='NAME=FILE')
    add('--sets', nargs='+', default=[], metavar='SET', help='names of sets, or NAME=PATH of a '
        'table of words (default: the twelve of configs/_base_/datasets/real_words_kinds.py, in '
        '$SIGA_DATA)')
    add('--device', help='of the models; rapidocr reads on the CPU (default: a GPU if any)')
    add('--tta', type=share, metavar='P', help='as of `python -m mmocr_siga read`')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; what is raised of it goes to :func:`.run_tool`."""
    args = parse_args(argv)
    MMLogger.get_instance('mmengine', log_level='WARNING')  # it tells about every variable
    candidates = common.parse_candidates(args.models, args.weights)
    sets = find_sets(args.sets)
    readers = {'PP-OCRv6': ppocr_reader(), **{
        each.name: siga_reader(each, args.device, args.tta) for each in candidates}}
    right = {name: [sum(map(same_under, (word.text for word in words), read(words)))
                    for _, words, _ in sets] for name, read in readers.items()}
    print(accuracy_table(sets, right))
    print(f'\nWord accuracy in %, protocol 36. PP-OCRv6: rapidocr '
          f'{importlib.metadata.version("rapidocr")}.')


if __name__ == '__main__':
    run_tool(main)
