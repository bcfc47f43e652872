"""Pack labelled word images into an LMDB database.

    python tools/data/to_lmdb.py data/mine/textrecog_train.json data/mine_lmdb
    python tools/data/to_lmdb.py data/mine/train.tsv data/mine_lmdb
    python tools/data/to_lmdb.py data/crops data/crops_lmdb --folder-labels stem

Reads MMOCR's JSON and JSON lines, tab-separated tables (`path TAB text`), folders and databases,
one word at a time. Images are copied as they are. What is broken is left out and listed in
OUT.skipped.tsv. The database is read back and compared before it gets its name, so whatever
interrupts the tool, there is a complete database or none.
"""
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmocr_siga.cli import run_tool
from mmocr_siga.datasets.formats.conversion import (
    Conversion,
    add_options,
    add_source_options,
    convert,
    finish,
    report,
)
from mmocr_siga.datasets.formats.records import open_source, read_lmdb
from mmocr_siga.datasets.formats.writers import LmdbWriter, refuse_existing


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('source', type=Path, help='JSON, JSON lines, table, folder or database')
    add('out', type=Path, help='folder of the new database')
    add('--image-root', type=Path, help="folder of a table's images (default: the table's folder)")
    add_source_options(parser)
    add_options(parser, 'database')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> Conversion:
    """Convert, verify and publish."""
    refuse_existing(args.out)
    records = open_source(args.source, args.format, args.image_root, args.folder_labels)
    done = Conversion()
    with LmdbWriter(args.out, check=lambda folder: finish(
            args, folder, done, lambda: read_lmdb(folder))) as writer:
        done = convert(records, writer, args)
    return done


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit status."""
    return report('to_lmdb', run, parse_args(argv))


if __name__ == '__main__':
    run_tool(main)
