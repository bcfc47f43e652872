"""Write another word in the style of the one that is there, or erase it.

    python -m mmocr_siga edit word.png --text NEW
    python -m mmocr_siga edit scene.jpg --box 120,40,200,64 --erase --out clean.png
    python -m mmocr_siga edit scene.jpg --find OLD --text NEW

Without a region the picture is a word. Nothing outside of a region changes. Prints a line for each
word: the file written, what is read in it now and the score of that, with tabs in between. The file
says of itself that it was edited.

Exit codes: 0 NEW is read (or the word was erased), 1 something else is read, 2 nothing was edited.
"""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from . import CommandError, write_line
from .common import one_line, problem
from .read import prepare_output

if TYPE_CHECKING:
    from ..inference.editor import WordEditor
    from ..inference.word_reader import WordReader

HELP = 'write another word in the style of the one that is there, or erase it'

_KINDS = {'.png': '.png', '.jpg': '.jpg', '.jpeg': '.jpg'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('picture', metavar='PICTURE')
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument('--text', metavar='NEW', help='what is to stand there')
    what.add_argument('--erase', action='store_true', help='leave what is behind the word')
    where = parser.add_mutually_exclusive_group()
    where.add_argument('--box', type=box, metavar='X,Y,W,H', help='left, top, width and height of '
                       'the word in pixels')
    where.add_argument('--polygon', type=polygon, metavar='X1,Y1,X2,Y2,...', help='outline of the '
                       'word, clockwise from its upper left corner')
    where.add_argument('--find', metavar='OLD', help='all words that are read as this; they are '
                       "found by the package's own detector")
    add('--out', type=Path, metavar='FILE', help='.png, or .jpg, which changes all pixels a little '
        '(default: PICTURE_edited.png beside the picture)')
    add('--model', '--config', metavar='MODEL', help='name of a packaged model, or config of a '
        "DisentangledRecognizer (default: the package's own)")
    add('--weights', metavar='FILE', help='its weights; needed with a config')
    add('--device', help="'cpu', 'cuda' ... (default: a GPU if there is one)")


def polygon(text: str) -> list[float]:
    """Three points at least, x and y in turns."""
    values = _numbers(text)
    if len(values) < 6 or len(values) % 2:
        raise argparse.ArgumentTypeError(f'must be x and y of three points or more, got {text!r}')
    return values


def box(text: str) -> list[float]:
    """X,Y,W,H as a polygon."""
    values = _numbers(text)
    if len(values) != 4 or not min(values[2:]) > 0:
        raise argparse.ArgumentTypeError('must be four numbers, left, top, width and height, the '
                                         f'last two of them above 0, got {text!r}')
    left, top, width, height = values
    return [left, top, left + width, top, left + width, top + height, left, top + height]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(',')]
    except ValueError:
        raise argparse.ArgumentTypeError(f'must be numbers with commas in between, got {text!r}'
                                         ) from None


def run(args: argparse.Namespace, out: TextIO) -> int:
    path = Path(args.picture)
    target = args.out or path.with_name(f'{path.stem}_edited.png')
    if target.suffix.lower() not in _KINDS:
        raise CommandError(f'{target}: an edited picture is written as .png or .jpg (--out)')
    prepare_output(out, False)
    editor = word_editor(args.model, args.weights, args.device)
    reason = None if args.text is None else editor.problem(args.text)
    if reason is not None:
        raise CommandError(f'--text {args.text!r}: {reason}')
    from ..compat.saving import whole_file
    from ..images import encode_edited
    from ..inference.editor import EDITED
    result, = editor.edit([str(path)], args.text, *_regions(args, editor)) if args.text else (
        editor.erase([str(path)], *_regions(args, editor)))
    for region in result.skipped:
        problem(str(path), region.reason)
    if result.error is not None or not result.words:
        raise CommandError(f'{path}: {result.error or "nothing was edited"}')
    with whole_file(target, 'wb') as file:
        file.write(encode_edited(result.picture, EDITED, _KINDS[target.suffix.lower()]))
    for word in result.words:
        write_line(out, f'{one_line(os.fspath(target))}\t{word.reading}\t{word.score:.4f}')
    return 0 if args.erase or all(word.right for word in result.words) else 1


def word_editor(model: str | None, weights: str | None, device: str | None,
                reader: WordReader | None = None) -> WordEditor:
    """The editor that is asked for, or a CommandError that tells why there is none."""
    try:
        from ..apis import WordEditor
        from ..inference.packaged import EDITOR_MODEL
        return WordEditor(model or EDITOR_MODEL, weights, device, reader)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise CommandError(str(error)) from error


def _regions(args: argparse.Namespace, editor: WordEditor) -> tuple:
    """Polygons of the picture, and whether they begin at the upper left corner of the word; nothing
    where the picture is the word."""
    given = args.box or args.polygon
    if given is not None:
        return [[given]], True
    if args.find is None:
        return ()
    from ..apis import SceneInferencer
    from ..inference.editor import find_words
    from ..inference.inputs import Source, picture_of
    try:
        image = picture_of(Source(args.picture))
        return [find_words(SceneInferencer(rec=editor.reader), image, args.find)], False
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise CommandError(f'{args.picture}: {error}') from error
