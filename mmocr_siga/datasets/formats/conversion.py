"""What the tools that convert sets of words share: options, the check at the end, the report."""
from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Callable

from .records import Conversion, Record, check_content, unwanted

__all__ = ['add_options', 'chooser', 'finish', 'report']


def add_options(parser: argparse.ArgumentParser, result: str) -> None:
    """Add what may be left out, and what may be left unchecked.

    Args:
        parser (ArgumentParser): The parser.
        result (str): What is written, for the help.
    """
    add = parser.add_argument
    add('--alphanumeric', action='store_true',
        help='leave out words with other characters than letters and digits')
    add('--min-length', type=int, default=1, help='leave out shorter words (default %(default)s)')
    add('--no-decode', action='store_true', help="don't decode the images to find broken ones")
    add('--no-verify', action='store_true', help=f"don't read the {result} back")


def chooser(args: argparse.Namespace) -> Callable[[str], str]:
    """What tells of a label why it is not wanted, by the options of :func:`add_options`."""
    return functools.partial(unwanted, alphanumeric=args.alphanumeric, min_length=args.min_length)


def finish(args: argparse.Namespace, folder: Path, done: Conversion,
           read_back: Callable[[], Iterable[Record]]) -> None:
    """Compare what lies in a folder with what was written, and add ``summary.json``.

    Args:
        args (Namespace): With ``source``, ``out`` and the options of :func:`add_options`.
        folder (Path): The new set, not published yet.
        done (Conversion): What was written.
        read_back (Callable): Opens the new set.

    Raises:
        ValueError: If nothing was written, or something else lies there.
    """
    if not done.sum.count:
        raise ValueError(f'no word of {args.source} can be used; see {args.out}.skipped.tsv')
    if not args.no_verify:
        check_content(read_back(), done.sum)
    summary = dict(samples=done.sum.count, left_out=done.skipped, checksum=done.sum.hexdigest())
    (folder / 'summary.json').write_text(json.dumps(summary, indent=1) + '\n')


def report(tool: str, run: Callable[[argparse.Namespace], Conversion],
           args: argparse.Namespace) -> int:
    """Run a conversion and tell how it went.

    Args:
        tool (str): Name of the tool, before its errors.
        run (Callable): The conversion.
        args (Namespace): Command line, with ``out``.

    Returns:
        int: 0, 2 after a clear message about what was wrong, or 130 if it was interrupted.
    """
    try:
        done = run(args)
    except KeyboardInterrupt:
        print(f'{tool}: interrupted; nothing was left behind', file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        print(f'{tool}: {error}', file=sys.stderr)
        return 2
    print('\n'.join([f'wrote {args.out}: {done.lines()[0]}', *done.lines()[1:]]))
    if done.skipped:
        print(f'  listed in {args.out}.skipped.tsv')
    return 0
