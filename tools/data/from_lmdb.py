"""Unpack an LMDB database of word images into files.

    python tools/data/from_lmdb.py data/mine_lmdb data/mine                  # MMOCR's JSON
    python tools/data/from_lmdb.py data/mine_lmdb data/mine --format tsv

Writes images/, 10,000 files a folder, as they are in the database, and textrecog_<split>.json,
<split>.tsv or a text file beside each image; glyph masks and character boxes too, where there are
some. What is broken is left out and listed in OUT.skipped.tsv. The files are read back and compared
before their folder gets its name, so whatever interrupts the tool, there is a complete set or none.
"""
from __future__ import annotations

import argparse
import functools
import json
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mmocr_siga.datasets.lmdb_reader import LMDBReader
from mmocr_siga.datasets.progress import Progress
from mmocr_siga.datasets.records import (
    Conversion,
    Record,
    SkipList,
    check_content,
    convert,
    open_source,
    read_folder,
    read_lmdb,
    unwanted,
)
from mmocr_siga.datasets.rendering import FolderWriter
from mmocr_siga.datasets.rendering.writers import partial, publish, refuse_existing


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('source', help='database: its folder or file')
    add('out', type=Path, help='folder to write to')
    add('--format', default='json', choices=('json', 'tsv', 'folder'),
        help="MMOCR's JSON (default), a tab-separated table, or a text file beside each image")
    add('--split', default='train', help='name of the table and the images (default %(default)s)')
    add('--alphanumeric', action='store_true',
        help='leave out words with other characters than letters and digits')
    add('--min-length', type=int, default=1, help='leave out shorter words (default %(default)s)')
    add('--no-decode', action='store_true', help="don't decode the images to find broken ones")
    add('--no-verify', action='store_true', help="don't read the files back")
    args = parser.parse_args(argv)
    if not args.split.isidentifier():
        parser.error('--split needs a plain name')
    return args


def run(args: argparse.Namespace) -> Conversion:
    """Convert, verify and publish.

    Raises:
        OSError, ValueError, ImportError: With a message about what was wrong.
    """
    reader = LMDBReader(args.source)
    try:
        progress = Progress(reader.count())
    finally:
        reader.close()
    refuse_existing(args.out)
    folder = partial(args.out)
    shutil.rmtree(folder, ignore_errors=True)
    table = {'folder': 'txt'}.get(args.format, args.format)
    listed = SkipList(f'{args.out}.skipped.tsv')
    choose = functools.partial(unwanted, alphanumeric=args.alphanumeric,
                               min_length=args.min_length)
    try:
        with listed, FolderWriter(folder, args.split, '', table, per_folder=10_000) as writer:
            done = convert(read_lmdb(args.source), writer, listed, not args.no_decode,
                           progress.update, choose)
        progress.close()
        if not done.sum.count:
            raise ValueError(f'no word of {args.source} can be used; see {args.out}.skipped.tsv')
        if not args.no_verify:
            check_content(_read_back(folder, args), done.sum)
        summary = dict(samples=done.sum.count, left_out=done.skipped,
                       checksum=done.sum.hexdigest())
        (folder / 'summary.json').write_text(json.dumps(summary, indent=1) + '\n')
        publish(folder, args.out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return done


def _read_back(folder: Path, args: argparse.Namespace) -> Iterator[Record]:
    if args.format == 'folder':
        return read_folder(folder / 'images')
    name = f'textrecog_{args.split}.json' if args.format == 'json' else f'{args.split}.tsv'
    return open_source(folder / name, args.format)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        int: 0, or 2 after a clear message about what was wrong.
    """
    args = parse_args(argv)
    try:
        done = run(args)
    except KeyboardInterrupt:
        print('from_lmdb: interrupted; nothing was left behind', file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError) as error:
        print(f'from_lmdb: {error}', file=sys.stderr)
        return 2
    print('\n'.join([f'wrote {args.out}: {done.lines()[0]}', *done.lines()[1:]]))
    if done.skipped:
        print(f'  listed in {args.out}.skipped.tsv')
    return 0


if __name__ == '__main__':
    sys.exit(main())
