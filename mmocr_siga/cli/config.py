"""Where a config of this package, or of a packaged model, lies.

    mim train mmocr $(python -m mmocr_siga config siga_tiny) --amp
"""
from __future__ import annotations

import argparse
from typing import TextIO

HELP = 'print the path of a config of this package by its name'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('name', help='siga_tiny, plugins/sar_glyph, siga_tiny_words ...')


def run(args: argparse.Namespace, out: TextIO) -> int:
    from ..compat.configs import find_config
    from . import CommandError, write_line
    try:
        write_line(out, str(find_config(args.name)))
    except FileNotFoundError as error:
        raise CommandError(str(error)) from None
    return 0
