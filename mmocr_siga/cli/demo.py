"""Serve a page that reads words and scenes in a browser.

Drop a picture of a word: the page shows its text, how sure of each character the model is, where
the characters are, and the glyph maps. In pictures of scenes, regions are typed in, or found by a
detector. Nothing leaves this machine, and the page needs no internet.
"""
from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
from typing import TextIO

from . import CommandError, write_line
from .common import add_context_arguments, add_model_arguments
from .edit import word_editor
from .spot import scene_inferencer

HELP = 'serve a page for a browser'
NEEDED = ('gradio', 'fastapi', 'uvicorn')


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError(f'must be a number from 0 to 65535, got {text!r}')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add('--host', default='127.0.0.1', help='interface to listen on; others than this machine '
        'reach the page with 0.0.0.0 (default: %(default)s)')
    add('--allow-host', metavar='NAME', action='append', default=[], help='a name, besides '
        "localhost and this machine's, that others call the page by, as behind a proxy; may be "
        'given several times')
    add('--port', type=_port, default=7860, help='0 takes a free one (default: %(default)s)')
    add_context_arguments(parser)
    add_model_arguments(parser)
    add('--det', metavar='CONFIG', help='text detector for scenes: a config of MMOCR, or the name '
        "of one of its models (default: the package's own)")
    add('--det-weights', metavar='FILE', help='weights of the detector; needed with a config')
    add('--editor', metavar='CONFIG', help='config of what rewrites words, as for the command edit '
        "(default: the package's own, if it is there)")
    add('--editor-weights', metavar='FILE', help='its weights; needed with a config')


def run(args: argparse.Namespace, out: TextIO) -> int:
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(f"the page needs {', '.join(missing)}: in the clone, pip install "
                           "'.[demo]' (Python 3.10 or newer)")
    spotter = scene_inferencer(args, 'the page, which shows how words are read,')
    from ..inference.packaged import EDITOR_MODEL, packaged_models
    editor = None
    if args.editor or args.editor_weights or EDITOR_MODEL in packaged_models():
        editor = word_editor(args.editor, args.editor_weights, args.device, spotter.recognizer)
    from ..demo_page import ClientFiles, PageReader
    from ..demo_page.page import build_page
    from ..demo_page.server import listen, serve
    try:
        taken = listen(args.host, args.port)
    except OSError as error:
        # Python repeats the address.
        reason = (error.strerror or str(error)).split(' (while')[0]
        raise CommandError(f'the page cannot be served at {args.host}:{args.port} ({reason}): '
                           'choose others with --host and --port') from error
    name = os.path.basename(args.model) if args.model else "the package's own model"
    with taken, contextlib.closing(ClientFiles()) as files:
        page = build_page(PageReader(spotter, editor), files, name)
        serve(page, files, taken, lambda url: write_line(out, f'{url} (Ctrl+C ends it)'),
              args.allow_host)
    return 0
