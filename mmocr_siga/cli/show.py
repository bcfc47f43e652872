"""Draw how a word was read: the characters' boxes, the glyph maps and the confidence.

Writes a picture and prints its path.
"""
from __future__ import annotations

import argparse
import os
from typing import TextIO

from . import CommandError, write_line
from .common import add_context_arguments, add_model_arguments, one_line, problem, word_reader

HELP = 'write a picture of how a word was read'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('path', metavar='PATH', help='a picture')
    parser.add_argument('--out', metavar='FILE', help='the picture to write (default: '
                        '<name>_reading.png in the current folder)')
    add_context_arguments(parser)
    add_model_arguments(parser)


def run(args: argparse.Namespace, out: TextIO) -> int:
    target = args.out or os.path.splitext(os.path.basename(args.path))[0] + '_reading.png'
    if os.path.isdir(args.path) or args.path.startswith('@'):
        raise CommandError(f'{args.path}: show draws one picture; give its path')
    folder = os.path.dirname(target)
    if folder and not os.path.isdir(folder):
        raise CommandError(f'there is no folder {folder!r} to write {target!r} to')
    reader = word_reader(args, 'show')
    import cv2

    from ..images import UnusableImageError, encode_picture
    try:
        picture = reader.draw(args.path)
    except UnusableImageError as error:
        problem(args.path, str(error))
        return 1
    try:
        data = encode_picture(picture, os.path.splitext(target)[1] or '.png')
    except cv2.error as error:
        raise CommandError(f'{target!r}: no picture is written under this ending; use .png'
                           ) from error
    # Not cv2.imwrite, which fails without a reason.
    try:
        with open(target, 'wb') as file:
            file.write(data)
    except OSError as error:
        raise CommandError(f'{target!r} cannot be written: {error.strerror}') from error
    write_line(out, one_line(target))
    return 0
