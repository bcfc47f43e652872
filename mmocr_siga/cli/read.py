"""Read words from pictures.

Prints a line for each picture, in order, as soon as it is read: path, text and score, with tabs in
between. The score is the probability that the whole word is right. In paths, tabs, line breaks and
backslashes are written as \\t, \\n, \\r and \\\\. What cannot be read is reported on the standard
error, and the exit code is 1.
"""
from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

from . import write_line
from .common import add_model_arguments, inferencer, one_line, positive, problem

if TYPE_CHECKING:
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
        'readings; further pairs of text and score follow on the line, or are in the JSON as nbest')
    add('--batch-size', type=positive, default=32, metavar='N',
        help='pictures at a time (default: %(default)s)')
    add_model_arguments(parser)


def run(args: argparse.Namespace, out: TextIO) -> int:
    prepare_output(out, args.json)
    reader = inferencer(args)
    from tqdm import tqdm

    from ..inference.inputs import expand
    sources = list(expand(args.paths))
    results = reader.iter_read(sources, args.batch_size, args.nbest, return_char_boxes=args.json)
    # On terminals (None) only; lines on the same terminal show the progress themselves.
    hidden = None if len(sources) >= _MANY and not out.isatty() else True
    failed = 0
    for result in tqdm(results, total=len(sources), unit=' images', file=sys.stderr,
                       disable=hidden):
        if result.error is not None:
            failed += 1
            problem(result.path, result.error)
        if args.json or result.error is None:
            write_line(out, json_line(result) if args.json else text_line(result))
    if failed and len(sources) > 1:
        print(f'mmocr_siga: {failed} of {len(sources)} inputs could not be read', file=sys.stderr)
    return 1 if failed else 0


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
