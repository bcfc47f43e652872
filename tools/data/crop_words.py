"""Cut words out of photographs, for training without labels.

    python tools/data/crop_words.py PHOTOS words
    python tools/data/crop_words.py PHOTOS words --det configs/textdet/dbnet_lcnetv4.py \\
        --det-weights work_dirs/dbnet_lcnetv4/iter_2000.pth
    python tools/data/crop_words.py PHOTOS words_lmdb --format lmdb --min-size 16

PHOTOS is a picture, a folder (with its subfolders) or @list.txt. A text detector finds the words:
the packaged one, or --det, a config or the name of one of MMOCR. Each is cut out and straightened
as SceneInferencer does, one that is much higher than wide read downwards. Pictures that cannot be
read, and words that are too small or found with a low score, are left out and counted.

OUT is new: a folder with images/ and words.tsv, whose labels are empty, or an LMDB database. Both
are for CheckedTextDataset(unlabeled=True): WordFolderDataset takes the folder (SIGA_WORDS=OUT for
the configs in configs/ccd), WordTSVDataset its table, WordLMDBDataset the database.
"""
from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive, share
from mmocr_siga.datasets.formats.writers import (
    FolderWriter,
    LmdbWriter,
    WordWriter,
    refuse_existing,
)
from mmocr_siga.images import encode_picture
from mmocr_siga.inference.scene_inferencer import SceneInferencer
from mmocr_siga.structures.results import WordResult

WRITERS = dict(folder=lambda out: FolderWriter(out, 'words'), lmdb=LmdbWriter)


class WordKeeper:
    """Stands in the place of a recognizer: writes crops of words, and reads nothing."""

    def __init__(self, writer: WordWriter) -> None:
        self.writer = writer

    def iter_read(self, crops: Iterable[Any], **_: Any) -> Iterator[WordResult]:
        for crop in crops:
            if crop.error is None:
                self.writer.add(encode_picture(crop.content), '')
            yield WordResult(score=1., error=crop.error)


def crop_words(args: argparse.Namespace, det: Any = None) -> Counter:
    """Cut out and write; numbers of photographs, of words, and of what was left out, by reasons.

    ``det`` stands for the detector of the arguments.
    """
    refuse_existing(args.out)
    counts: Counter = Counter()
    detector = {} if args.det is None and det is None else dict(
        det=det or args.det, det_weights=args.det_weights)
    with WRITERS[args.format](args.out) as writer:
        spot = SceneInferencer(**detector, rec=WordKeeper(writer), turn='downwards',
                               min_size=args.min_size, det_score_thr=args.det_score,
                               split_lines=False)
        for scene in tqdm(spot.iter_spot(args.photos, return_char_polygons=False),
                          unit=' photographs', disable=None):
            if scene.error is not None:
                print(f'left out: {scene.path}: {scene.error}', file=sys.stderr)
            counts.update(['photographs' if scene.error is None else 'unreadable photographs'])
            counts.update(f'words left out: {_kind(region.reason)}' for region in scene.skipped)
        counts['words'] = writer.count
        if not writer.count:
            raise ValueError(f'no words were found in {" ".join(args.photos)}')
    return counts


def _kind(reason: str) -> str:
    """A reason without its numbers."""
    return ' '.join('...' if any(c.isdigit() for c in part) else part for part in reason.split())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('photos', nargs='+', metavar='PHOTOS', help='picture, folder, or @list.txt')
    add('out', type=Path, help='new folder or database')
    add('--det', metavar='CONFIG', help='config of a text detector, or the name of one of MMOCR; '
        'default: the packaged one')
    add('--det-weights', metavar='FILE', help='its weights; needed with a config')
    add('--det-score', type=share, default=0.5, metavar='X',
        help='leave out detections with lower scores (default: %(default)s)')
    add('--min-size', type=positive, default=8, metavar='PIXELS',
        help='leave out words that are less wide or high (default: %(default)s)')
    add('--format', default='folder', choices=sorted(WRITERS), help='default: %(default)s')
    counts = crop_words(parser.parse_args(argv))
    print('\n'.join(f'{count:,} {what}' for what, count in counts.most_common()))
    return 0


if __name__ == '__main__':
    run_tool(main)
