"""Read words from pictures.

Prints a line for each picture, in order, as soon as it is read: path, text and score, with tabs in
between. The score is the probability that the whole word is right. In paths, tabs, line breaks and
backslashes are written as \\t, \\n, \\r and \\\\. What cannot be read is reported on the standard
error, and the exit code is 1.

For millions of words: ``read @list.txt --shard 3/8 --out words_3.jsonl`` reads every eighth, from
the third on; started once more after a kill it goes on after the last whole line.
"""
from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from . import CommandError, write_line
from .common import (
    add_context_arguments,
    add_model_arguments,
    one_line,
    positive,
    problem,
    word_reader,
)

if TYPE_CHECKING:
    from ..inference.inputs import Source
    from ..structures.results import SceneResult, WordResult

HELP = 'read words: a line path<TAB>text<TAB>score for each picture'

# Below so many pictures a bar is gone before it is seen.
_MANY = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('paths', nargs='+', metavar='PATH', help='a picture, a folder (with its subfolders), or '
        '@list.txt: a file with a path a line (blank lines and those from # on are skipped), @- '
        'for the standard input')
    add('--json', action='store_true', help='print a JSON object a line: path, text, score, '
        'char_scores, char_boxes (left, top, right, bottom in pixels); where a picture cannot be '
        'read, its error too')
    add('--nbest', type=positive, default=1, metavar='N', help='search the N most probable '
        'readings, by PyTorch; further pairs of text and score follow on the line, or are in the '
        'JSON as nbest')
    add('--batch-size', type=positive, default=32, metavar='N',
        help='pictures at a time (default: %(default)s)')
    add('--shard', type=shard, metavar='K/N', help='every N-th input, from the K-th on, for N '
        'processes that share the work')
    add('--out', type=Path, metavar='FILE', help='write JSON lines to this file; one that is there '
        'is gone on with')
    add_context_arguments(parser)
    add_model_arguments(parser)


def shard(text: str) -> tuple[int, int]:
    """K/N, 1 <= K <= N."""
    number, _, count = text.partition('/')
    if not (number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
        raise argparse.ArgumentTypeError(f'must be K/N with K from 1 to N, got {text!r}')
    return int(number), int(count)


def run(args: argparse.Namespace, out: TextIO) -> int:
    from ..inference.inputs import expand
    sources = expand(args.paths)
    if args.shard is not None:
        number, count = args.shard
        sources = islice(sources, number - 1, None, count)
    if args.out is None:
        prepare_output(out, args.json)
        return _read(args, sources, out)
    args.json = True
    try:
        done = whole_lines(args.out, sources)
        if done:
            print(f'mmocr_siga: {args.out}: going on after {done:,} inputs', file=sys.stderr)
        with open(args.out, 'a', encoding='ascii') as file:
            return _read(args, sources, file)
    except OSError as error:
        raise CommandError(f'{args.out} cannot be written: {error}') from error


def _read(args: argparse.Namespace, sources: Iterator[Source], out: TextIO) -> int:
    reader = word_reader(args, '--nbest' if args.nbest > 1 else None)
    from tqdm import tqdm
    total = None
    if args.out is None:  # of millions there is no list
        sources = list(sources)
        total = len(sources)
    results = reader.iter_read(sources, args.batch_size, args.nbest, return_char_boxes=args.json)
    # On terminals (None) only; lines on the same terminal show the progress themselves.
    hidden = None if (total is None or total >= _MANY) and not out.isatty() else True
    failed = count = 0
    for result in tqdm(results, total=total, unit=' images', file=sys.stderr, disable=hidden):
        count += 1
        if result.error is not None:
            failed += 1
            problem(result.path, result.error)
        if args.json or result.error is None:
            write_line(out, json_line(result) if args.json else text_line(result))
    if failed and count > 1:
        print(f'mmocr_siga: {failed} of {count} inputs could not be read', file=sys.stderr)
    return 1 if failed else 0


def whole_lines(path: Path, sources: Iterator[Source]) -> int:
    """How many results a file holds; their sources are passed over, and half a line at its end, as
    a kill leaves it, is cut off.

    Raises:
        CommandError: If it holds results of other inputs.
    """
    if not path.exists():
        return 0
    whole, number = 0, 0
    with open(path, 'rb') as file:
        for number, line in enumerate(iter(file.readline, b''), 1):
            if not line.endswith(b'\n'):
                number -= 1
                break
            source = next(sources, None)
            try:
                same = source is not None and json.loads(line)['path'] == source.path
            except (ValueError, KeyError, TypeError):
                same = False
            if not same:
                raise CommandError(f'{path}, line {number}: not the result of '
                                   f'{source.path if source else "one of the inputs"}. Name '
                                   'another file, or the inputs that this one was begun with')
            whole = file.tell()
    os.truncate(path, whole)
    return number


def text_line(result: WordResult) -> str:
    """Path, text and score, with tabs in between; with n-best, further texts and scores."""
    pairs = result.nbest or [(result.text, result.score)]
    return '\t'.join([one_line(result.path or ''),
                      *(field for text, score in pairs for field in (text, f'{score:.4f}'))])


def json_line(result: WordResult | SceneResult, digits: int = 6) -> str:
    """A result as JSON, in ASCII, with rounded numbers."""

    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, digits)
        if isinstance(value, dict):
            return {key: rounded(each) for key, each in value.items()}
        return [rounded(each) for each in value] if isinstance(value, (list, tuple)) else value

    return json.dumps(rounded(result.to_dict()))


def prepare_output(out: TextIO, json_output: bool) -> None:
    """Let names of files that are not text in their encoding come out as they are."""
    if not json_output and hasattr(out, 'reconfigure'):  # JSON is ASCII
        unicode = (out.encoding or '').lower().replace('-', '').startswith('utf')
        out.reconfigure(errors='surrogateescape' if unicode else 'backslashreplace')
