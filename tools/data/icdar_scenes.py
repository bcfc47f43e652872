"""Turn a folder of scenes with annotation files into MMOCR's JSON for text spotting.

    python tools/data/icdar_scenes.py data/ic15/images data/ic15/gts data/ic15/textspotting.json
    python tools/data/icdar_scenes.py data/ic15/images data/ic15/gts data/ic15/train.json \\
        --test data/ic15/test.json --test-count 10 --seed 0
    python tools/data/icdar_scenes.py data/tt/images data/tt/gts data/tt/test.json \\
        --format total_text

`gt_NAME.txt` or `NAME.txt` belongs to the picture NAME.jpg. Paths in the JSON are relative to the
JSON's folder. What is faulty is left out, or ignored where something is there but cannot be
read, and listed in OUT.problems.txt.
"""
from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from mmocr_siga.cli import run_tool
from mmocr_siga.datasets.formats.scene_annotations import (
    FORMATS,
    IGNORED_TEXTS,
    SceneReport,
    read_scenes,
    split_scenes,
    write_scenes,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('images', type=Path, help='folder of the pictures')
    add('gts', type=Path, help='folder of the annotation files')
    add('out', type=Path, help='new JSON file')
    add('--format', default='auto', choices=FORMATS, help='of the lines (default: %(default)s)')
    add('--ignored', nargs='+', default=list(IGNORED_TEXTS), metavar='TEXT',
        help='texts that mark a region to be ignored (default: %(default)s)')
    add('--test', type=Path, help='JSON file for scenes that are set aside')
    add('--test-count', type=int, default=0, help='how many of them')
    add('--seed', type=int, help='draw them by this seed (default: the last ones)')
    args = parser.parse_args(argv)
    if (args.test is None) != (args.test_count == 0) or args.test_count < 0:
        parser.error('--test and --test-count go together')
    return args


def run(args: argparse.Namespace) -> SceneReport:
    """Read, split and write."""
    for path in filter(None, (args.out, args.test)):
        if path.exists():
            raise FileExistsError(f'{path} exists; remove it or choose another name')
    scenes, report = read_scenes(args.gts, args.images, args.format, args.ignored)
    parts = {args.out: scenes}
    if args.test is not None:
        parts = dict(zip((args.out, args.test),
                         split_scenes(scenes, args.test_count, args.seed)))
    for path, part in parts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.path.relpath(args.images, path.parent)
        write_scenes(path, [dict(scene, img_path=Path(folder, scene['img_path']).as_posix())
                            for scene in part])
        print(f'wrote {path}: {len(part):,} scenes')
    if report.problems:
        Path(f'{args.out}.problems.txt').write_text(
            ''.join(f'{"ignored" if problem.ignored else "left out"}\t{problem}\n'
                    for problem in report.problems), encoding='utf-8')
    return report


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    report = run(args)
    print('\n'.join(report.lines()))
    if report.problems:
        print(f'  all listed in {args.out}.problems.txt')
    return 0


if __name__ == '__main__':
    run_tool(main)
