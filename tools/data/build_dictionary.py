"""Make a dictionary from the labels of word images, or check labels against one.

    python tools/data/build_dictionary.py data/mine_lmdb --out dict.txt --letter-case lower \\
        --base lower_english_digits.txt --min-count 5 --counts counts.tsv
    python tools/data/build_dictionary.py data/mine/val.tsv --check dict.txt --max-length 25

Reads MMOCR's JSON and JSON lines, tab-separated tables, folders and LMDB databases; images are not
opened. A dictionary has one character a line. A check lists unknown characters, and labels that are
empty, too long, missing or not UTF-8, and ends with 1 if there are any.
"""
from __future__ import annotations

import argparse
import contextlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmocr_siga.cli import run_tool
from mmocr_siga.datasets.formats.conversion import add_source_options
from mmocr_siga.datasets.formats.lmdb_reader import LMDBReader
from mmocr_siga.datasets.formats.records import open_source, source_kind
from mmocr_siga.text.charsets import find_charset
from mmocr_siga.text.dictionary import resolve_dict_file

_EXAMPLES = 3
_CASES = {'lower': str.lower, 'upper': str.upper, 'unchanged': str}


@dataclass
class Labels:
    """What labels hold."""
    total: int = 0
    characters: Counter = field(default_factory=Counter)  # how often each occurs
    lengths: Counter = field(default_factory=Counter)  # labels of each length
    problems: dict[str, list] = field(default_factory=dict)  # number of labels, and some of them
    unknown: dict[str, list[str]] = field(default_factory=dict)  # character to some labels with it

    def problem(self, what: str, example: str) -> None:
        """Count a problem."""
        entry = self.problems.setdefault(what, [0])
        entry[0] += 1
        if len(entry) <= _EXAMPLES:
            entry.append(example)


def read_labels(source: Path, kind: str,
                folder_labels: str) -> Iterator[tuple[str, str | None, str]]:
    """Name, label and problem of each word of a source, without its image."""
    if source_kind(source, kind) == 'lmdb':
        with contextlib.closing(LMDBReader(str(source))) as reader:
            for number, label in enumerate(reader.labels(), 1):
                yield f'label-{number:09d}', *label
        return
    for record in open_source(source, kind, labels=folder_labels):
        yield record.name, record.text, record.problem


def survey(words: Iterable[tuple[str, str | None, str]], letter_case: str,
           known: frozenset[str] | None = None, max_length: int | None = None) -> Labels:
    """Count characters and problems of the words of :func:`read_labels`.

    ``known`` are the characters of a dictionary, None for all; ``max_length`` is the most that a
    label may have, None for any number.
    """
    found = Labels()
    for name, text, problem in words:
        found.total += 1
        if problem:
            found.problem(problem, name)
            continue
        label = _CASES[letter_case](text)
        found.characters.update(label)
        found.lengths[len(label)] += 1
        if max_length is not None and len(label) > max_length:
            found.problem(f'has a label longer than {max_length} characters', f'{name} {text!r}')
        foreign = set() if known is None else set(label) - known
        for char in foreign:
            examples = found.unknown.setdefault(char, [])
            if len(examples) < _EXAMPLES:
                examples.append(f'{name} {text!r}')
        if foreign:
            found.problem('has unknown characters', f'{name} {text!r}')
    return found


def order_characters(counts: Counter, min_count: int, order: str, base: str) -> list[str]:
    """Characters of a new dictionary: those of ``base``, then by 'code' or 'count'."""
    new = [c for c, n in counts.items() if n >= min_count and c not in set(base)]
    new.sort(key=(lambda c: (-counts[c], c)) if order == 'count' else None)
    return [*base, *new]


def report(found: Labels) -> list[str]:
    """What was found, as lines of text."""
    shown = ', '.join(f'{n}: {k:,}' for n, k in sorted(found.lengths.items()))
    lines = [f'{found.total:,} labels, {sum(found.characters.values()):,} characters, '
             f'{len(found.characters):,} different ones', f'  by length: {shown or "none"}']
    for what, (count, *examples) in sorted(found.problems.items()):
        lines.append(f'  {count:,}, each of which {what}, e.g. {", ".join(examples)}')
    for char, examples in sorted(found.unknown.items(), key=lambda e: -found.characters[e[0]]):
        lines.append(f'  unknown {char!r} U+{ord(char):04X} {unicodedata.name(char, "")}: '
                     f'{found.characters[char]:,} times, e.g. {", ".join(examples)}')
    return lines


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('sources', type=Path, nargs='+', help='JSON, JSON lines, tables, folders or databases')
    add('--out', type=Path, help='dictionary to write')
    add('--check', metavar='DICT', help='dictionary, or the name of a packaged one, to check with')
    add_source_options(parser)
    add('--letter-case', choices=sorted(_CASES), default='unchanged', help='default: %(default)s')
    add('--min-count', type=int, default=1, help='leave rarer characters out (default 1)')
    add('--order', choices=('code', 'count'), default='code',
        help='of the characters: by their codes (default) or the commonest first')
    add('--base', help='dictionary whose characters come first, so that a model can be widened')
    add('--counts', type=Path, help='table to write: character, code, number of times, name')
    add('--max-length', type=int, default=25, help='longest label to accept (default 25)')
    args = parser.parse_args(argv)
    if (args.out is None) == (args.check is None):
        parser.error('give --out to write a dictionary, or --check to check with one')
    return args


def build(args: argparse.Namespace, found: Labels) -> None:
    """Write the dictionary and, if wanted, the counts; ValueError if there is no character."""
    # A line holds one character, so the ends of lines cannot be in a dictionary.
    unfit = [c for c in '\n\r' if found.characters.pop(c, 0)]
    if unfit:
        print(f'left out line breaks, which a dictionary cannot hold: {unfit}')
    base = find_charset(resolve_dict_file(args.base)) if args.base else ''
    characters = order_characters(found.characters, args.min_count, args.order, base)
    if not characters:
        raise ValueError('no label holds a character; nothing to write')
    combining = [c for c in characters if unicodedata.combining(c)]
    if combining:
        print(f'{len(combining)} characters are accents by themselves: in Unicode they have no '
              'character together with their letter')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(('\n'.join(characters) + '\n').encode())
    rare = sum(n < args.min_count for n in found.characters.values())
    print(f'wrote {len(characters)} characters to {args.out}'
          + (f', {rare} rarer ones left out' if rare else ''))
    if args.counts is not None:
        args.counts.write_text(''.join(
            f'{c}\tU+{ord(c):04X}\t{n}\t{unicodedata.name(c, "")}\n'
            for c, n in found.characters.most_common()), encoding='utf-8')
        print(f'wrote {args.counts}')


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool: 0; 1 if a check found something."""
    args = parse_args(argv)
    known = frozenset(find_charset(resolve_dict_file(args.check))) if args.check else None
    words = (word for source in args.sources
             for word in read_labels(source, args.format, args.folder_labels))
    found = survey(words, args.letter_case, known, args.max_length)
    print('\n'.join(report(found)))
    if args.out is not None:
        build(args, found)
        return 0
    print('some labels cannot be used as they are' if found.problems else 'all labels can be used')
    return int(bool(found.problems))


if __name__ == '__main__':
    run_tool(main)
