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
import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from mmocr_siga.cli import run_tool
from mmocr_siga.datasets.formats.conversion import Conversion, add_options, convert, finish, report
from mmocr_siga.datasets.formats.lmdb_reader import LMDBReader
from mmocr_siga.datasets.formats.records import open_source, read_lmdb
from mmocr_siga.datasets.formats.writers import FolderWriter, partial, publish, refuse_existing


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('source', help='database: its folder or file')
    add('out', type=Path, help='folder to write to')
    add('--format', default='json', choices=('json', 'tsv', 'folder'),
        help="MMOCR's JSON (default), a tab-separated table, or a text file beside each image")
    add('--split', default='train', help='name of the table and the images (default %(default)s)')
    add_options(parser, 'files')
    args = parser.parse_args(argv)
    if not args.split.isidentifier():
        parser.error('--split needs a plain name')
    return args


def run(args: argparse.Namespace) -> Conversion:
    """Convert, verify and publish."""
    with contextlib.closing(LMDBReader(args.source)) as reader:
        total = reader.count()
    refuse_existing(args.out)
    folder = partial(args.out)
    shutil.rmtree(folder, ignore_errors=True)
    table, written = {'json': ('json', f'textrecog_{args.split}.json'),
                      'tsv': ('tsv', f'{args.split}.tsv'),
                      'folder': ('txt', 'images')}[args.format]
    try:
        with FolderWriter(folder, args.split, '', table, per_folder=10_000) as writer:
            done = convert(read_lmdb(args.source), writer, args, total)
        finish(args, folder, done, lambda: open_source(folder / written, args.format))
        publish(folder, args.out)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return done


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    return report('from_lmdb', run, parse_args(argv))


if __name__ == '__main__':
    run_tool(main)
