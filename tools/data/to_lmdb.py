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
import sys
from collections.abc import Sequence
from pathlib import Path

from mmocr_siga.datasets.formats.conversion import add_options, chooser, finish, report
from mmocr_siga.datasets.formats.records import (
    FOLDER_LABELS,
    Conversion,
    SkipList,
    convert,
    open_source,
    read_lmdb,
)
from mmocr_siga.datasets.formats.writers import LmdbWriter, refuse_existing
from mmocr_siga.datasets.progress import Progress


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('source', type=Path, help='JSON, JSON lines, table, folder or database')
    add('out', type=Path, help='folder of the new database')
    add('--format', default='auto', choices=('auto', 'json', 'jsonl', 'tsv', 'folder', 'lmdb'),
        help='of the source (default: told by its name)')
    add('--image-root', type=Path, help="folder of a table's images (default: the table's folder)")
    add('--folder-labels', choices=FOLDER_LABELS, default='sidecar',
        help='where the labels of a folder are: a text file beside each image (default), the '
             'name of the folder of the image, or its own name')
    add_options(parser, 'database')
    return parser.parse_args(argv)


def run(args: argparse.Namespace) -> Conversion:
    """Convert, verify and publish.

    Raises:
        OSError, ValueError, ImportError: With a message about what was wrong.
    """
    refuse_existing(args.out)
    records = open_source(args.source, args.format, args.image_root, args.folder_labels)
    done, progress = Conversion(), Progress()
    listed = SkipList(f'{args.out}.skipped.tsv')

    def check(folder: Path) -> None:
        finish(args, folder, done, lambda: read_lmdb(str(folder)))

    with LmdbWriter(args.out, check=check) as writer:
        with listed:
            done = convert(records, writer, listed, not args.no_decode, progress.update,
                           chooser(args))
        progress.close()
    return done


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool.

    Returns:
        int: See :func:`~mmocr_siga.datasets.formats.conversion.report`.
    """
    return report('to_lmdb', run, parse_args(argv))


if __name__ == '__main__':
    sys.exit(main())
