"""Cut annotated words out of scenes, with their texts, as a detector would: each also with corners
that are moved.

    python tools/data/crop_scene_words.py data/ic15/images data/ic15/gts words --set-aside 10
    python tools/data/crop_scene_words.py data/tt/images data/tt/gts words --format total_text

Words are straightened as SceneInferencer does. Regions that are to be ignored, are smaller than
--min-size or not in the picture are left out and counted. --set-aside N leaves out the N scenes
that ICDARSceneDataset(test_count=N, split_seed=SEED) keeps for testing.

OUT is new: a folder with images/ and words.tsv, which WordTSVDataset takes.
"""
from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.datasets.formats.scene_annotations import FORMATS, read_scenes, split_scenes
from mmocr_siga.datasets.formats.writers import FolderWriter, refuse_existing
from mmocr_siga.geometry.crops import crop_word, reading_directions, word_warp
from mmocr_siga.geometry.polygons import check_polygon, extent
from mmocr_siga.images import UnusableImageError, decode_picture, encode_picture, read_file


def moved(top: np.ndarray, bottom: np.ndarray, jitter: float,
          rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Borders, (T, 2) and (B, 2), of a region that is up to ``jitter`` of its height larger on each
    side, or up to half of that smaller, and whose points are moved by up to that half."""
    height = extent(top, bottom)[1]
    down = (bottom.mean(0) - top.mean(0)) / max(height, 1e-6)
    along = np.array([down[1], -down[0]])
    above, below, before, after = rng.uniform(-0.5, 1, 4) * jitter * height
    out = []
    for points, shift in ((top, -above * down), (bottom, below * down)):
        points = points + shift + rng.uniform(-0.5, 0.5, points.shape) * jitter * height
        points[0] -= before * along
        points[-1] += after * along
        out.append(points)
    return out[0], out[1]


def crop_scene_words(args: argparse.Namespace) -> Counter:
    """Cut out and write; numbers of scenes, words, pictures and of what was left out."""
    refuse_existing(args.out)
    scenes, report = read_scenes(args.gts, args.images, args.format)
    if args.set_aside:
        scenes = split_scenes(scenes, args.set_aside, args.seed)[0]
    rng = np.random.default_rng(args.seed)
    for problem in report.problems:
        print(f'left out or ignored: {problem}', file=sys.stderr)
    counts: Counter = Counter()
    with FolderWriter(args.out, 'words') as writer:
        for scene in tqdm(scenes, unit=' scenes', disable=None):
            path = Path(args.images, scene['img_path'])
            try:
                image = decode_picture(read_file(path))
            except UnusableImageError as error:
                print(f'left out: {path}: {error}', file=sys.stderr)
                counts['unreadable scenes'] += 1
                continue
            counts['scenes'] += 1
            for word in scene['instances']:
                borders, reason = _borders(word, image, args.min_size)
                counts[reason or 'words'] += 1
                for copy in range(0 if reason else 1 + args.copies):
                    ways = moved(*borders, args.jitter, rng) if copy else borders
                    writer.add(encode_picture(crop_word(image, word_warp(*ways))), word['text'])
        counts['pictures'] = writer.count
    return counts


def _borders(word: dict[str, Any], image: np.ndarray,
             min_size: float) -> tuple[tuple[np.ndarray, np.ndarray] | None, str]:
    """Borders of an instance, or why it is left out."""
    if word['ignore']:
        return None, 'regions left out: to be ignored'
    points, problem = check_polygon(word['polygon'], image.shape[:2], min_inside=0.5)
    if points is None:
        return None, f'words left out: the polygon {problem}'
    borders = reading_directions(points)[0]
    if min(extent(*borders)) < min_size:
        return None, 'words left out: too small'
    return borders, ''


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('images', type=Path, help='folder of the pictures')
    add('gts', type=Path, help='folder of the annotation files')
    add('out', type=Path, help='new folder')
    add('--format', default='auto', choices=FORMATS, help='of the lines (default: %(default)s)')
    add('--copies', type=int, default=3, help='with moved corners, of each word (default: 3)')
    add('--jitter', type=float, default=0.15, metavar='SHARE',
        help="how far, as a share of the word's height (default: %(default)s)")
    add('--min-size', type=positive, default=6, metavar='PIXELS',
        help='leave out words that are less wide or high (default: %(default)s)')
    add('--set-aside', type=int, default=0, metavar='N', help='leave out N scenes for testing')
    add('--seed', type=int, default=0, help='of the scenes and corners (default: 0)')
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    counts = crop_scene_words(parse_args(argv))
    print('\n'.join(f'{count:,} {what}' for what, count in counts.most_common()))
    return 0


if __name__ == '__main__':
    run_tool(main)
