"""Find words in whole pictures and read them.

Prints a line for each word, picture by picture: path, text, score and polygon (x1,y1,x2,y2,... in
pixels), with tabs in between. In paths, tabs, line breaks and backslashes are written as \\t, \\n,
\\r and \\\\. Regions that are left out and pictures that cannot be read are reported on the
standard error; for pictures the exit code is 1. Words are found by the package's own detector, by
one of MMOCR (--det), or stand in annotation files (--gts).
"""
from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TextIO

from . import CommandError, write_line
from .common import (
    add_context_arguments,
    add_model_arguments,
    one_line,
    positive,
    problem,
    share,
    word_reader,
)
from .read import json_line, prepare_output

if TYPE_CHECKING:
    from ..inference.scene_inferencer import SceneInferencer
    from ..structures.results import SceneResult

HELP = 'find and read words in whole pictures: a line path<TAB>text<TAB>score<TAB>polygon for each'

_SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('paths', nargs='+', metavar='PATH', help='a picture, a folder (with its subfolders), or '
        '@list.txt: a file with a path a line')
    found = parser.add_mutually_exclusive_group()
    found.add_argument('--det', metavar='CONFIG', help='config of a text detector, or the name of '
                       "one of MMOCR (default: the package's own)")
    found.add_argument('--gts', metavar='FOLDER', help="ICDAR's annotation files, gt_NAME.txt or "
                       'NAME.txt, whose regions are read in the place of detected ones')
    add('--det-weights', metavar='FILE', help='weights of the detector; needed with a config')
    add('--det-score', type=share, default=0.3, metavar='X',
        help='leave out detections with lower scores (default: %(default)s)')
    add('--score', type=share, metavar='X', help='leave out words read with lower probabilities '
        '(default: a floor chosen on training scenes; 0 with --gts)')
    add('--turn', default='best', choices=('best', 'downwards', 'never'),
        help='how words are read that are much higher than wide (default: the most probable of '
        'as they are, downwards and upwards)')
    add('--lines', action='store_true', help='keep lines whole that are found as one')
    add('--json', action='store_true', help='print a JSON object a picture: path, size, words '
        '(polygon, text, score, det_score, char_scores, char_polygons) and skipped (polygon, '
        'reason); where a picture cannot be read, its error too; a note where it was reduced')
    add('--draw', metavar='FOLDER', help='write pictures of what was found and read there')
    add('--batch-size', type=positive, default=32, metavar='N',
        help='words read at a time (default: %(default)s)')
    add_context_arguments(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace, out: TextIO) -> int:
    if args.gts and not os.path.isdir(args.gts):
        raise CommandError(f'there is no folder {args.gts!r} (--gts)')
    if args.draw:
        try:
            os.makedirs(args.draw, exist_ok=True)
        except OSError as error:
            raise CommandError(f'no folder can be made at {args.draw!r} (--draw): '
                               f'{error.strerror}') from error
    prepare_output(out, args.json)
    spotter = scene_inferencer(args, turn=args.turn, det_score_thr=args.det_score,
                               score_thr=args.score, split_lines=not args.lines)
    from ..inference.inputs import expand
    sources = list(expand(args.paths))
    polygons = None if args.gts is None else _annotated(args.gts, sources)
    failed = 0
    scenes = spotter.iter_spot(sources, polygons, args.batch_size,
                               return_char_polygons=args.json or bool(args.draw))
    for number, scene in enumerate(scenes, 1):
        failed += scene.error is not None
        _report(scene)
        for line in [json_line(scene, digits=4)] if args.json else text_lines(scene):
            write_line(out, line)
        if args.draw and scene.error is None:
            _draw(args.draw, number, scene)
    return 1 if failed else 0


def scene_inferencer(args: argparse.Namespace, needs_torch: str | None = None,
                     **options: Any) -> SceneInferencer:
    """The inferencer that the arguments ask for, or a CommandError that tells why there is none;
    ``needs_torch`` as for :func:`word_reader`."""
    if args.det_weights and not args.det:
        raise CommandError('--det-weights needs --det, the config that they are of')
    recognizer = word_reader(args, needs_torch)
    try:
        from ..apis import SceneInferencer
        from ..inference.detectors import DEFAULT_DETECTOR
        det = None if getattr(args, 'gts', None) else args.det or DEFAULT_DETECTOR
        return SceneInferencer(det, args.det_weights, recognizer, device=args.device, **options)
    except (OSError, ValueError, RuntimeError, ImportError) as error:
        raise CommandError(f'the detector cannot be used: {error}') from error


def _annotated(folder: str, sources: list[Any]) -> Iterator[list[list[float]]]:
    """Regions of the annotation files of pictures; none where there is no file."""
    from ..datasets.formats.scene_annotations import IGNORED_TEXTS, parse_scene_file
    for source in sources:
        stem = os.path.splitext(os.path.basename(source.path or ''))[0]
        names = [os.path.join(folder, name) for name in (f'gt_{stem}.txt', f'{stem}.txt')]
        path = next(filter(os.path.isfile, names), None)
        polygons = []
        if path is None:
            problem(source.path, f'has no annotations in {folder}')
        else:
            for line, polygon, text in parse_scene_file(path):
                if polygon is None:
                    problem(f'{path}:{line}', text)
                elif text not in IGNORED_TEXTS:
                    polygons.append(polygon)
        yield polygons


def _report(scene: SceneResult) -> None:
    if scene.error is not None:
        problem(scene.path, scene.error)
    if scene.note is not None:
        problem(scene.path, scene.note)
    for word in scene.skipped[:_SHOWN]:
        problem(scene.path, f'left out: {word.reason}')
    if len(scene.skipped) > _SHOWN:
        problem(scene.path, f'left out: {len(scene.skipped) - _SHOWN} more regions (--json lists '
                'them)')


def text_lines(scene: SceneResult) -> list[str]:
    """Path, text, score and polygon of each word, with tabs in between."""
    path = one_line(scene.path or '')
    return ['\t'.join([path, word.text, f'{word.score:.4f}',
                       ','.join(f'{value:.1f}' for point in word.polygon for value in point)])
            for word in scene.words]


def _draw(folder: str, number: int, scene: SceneResult) -> None:
    """Write a picture of what was found; its name begins with the number of the picture."""
    from ..images import encode_picture
    from ..inference.inputs import Source, picture_of
    from ..visualization import draw_scene
    stem = os.path.splitext(os.path.basename(scene.path or 'picture'))[0]
    picture = draw_scene(picture_of(Source(scene.path)), scene.words, scene.skipped)
    with open(os.path.join(folder, f'{number:04d}_{stem}.jpg'), 'wb') as file:
        file.write(encode_picture(picture, quality=95))
