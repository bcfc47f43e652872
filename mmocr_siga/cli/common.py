"""What commands that read pictures have in common."""
from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from . import CommandError

if TYPE_CHECKING:
    from ..apis import WordInferencer

__all__ = ['add_model_arguments', 'inferencer', 'one_line', 'positive', 'problem', 'share']


def positive(text: str) -> int:
    """A whole number from 1 on."""
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f'must be a whole number from 1 on, got {text!r}')
    return value


def share(text: str) -> float:
    """A number in [0, 1]."""
    try:
        value = float(text)
    except ValueError:
        value = -1.
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'must be a number in [0, 1], got {text!r}')
    return value


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``, ``--weights``, ``--device`` and ``--tta``."""
    parser.add_argument('--model', help='name of a packaged model, or a config (default: the '
                        "package's own model)")
    parser.add_argument('--weights', help='file of weights; needed with a config')
    parser.add_argument('--device', help="'cpu', 'cuda', 'cuda:1' ... (default: a GPU if there is "
                        'one)')
    parser.add_argument('--tta', type=share, metavar='P',
                        help='read words of a smaller probability again, turned, slanted, closer '
                        'and wider, and take the most probable reading; 0 never does (default: 0.6 '
                        'for packaged models, 0 for others)')


def inferencer(args: argparse.Namespace) -> WordInferencer:
    """Build the inferencer that the arguments ask for, or raise a CommandError that tells why."""
    try:
        from ..apis import WordInferencer
        from ..inference.packaged import DEFAULT_MODEL
        return WordInferencer(args.model or DEFAULT_MODEL, args.weights, args.device,
                              tta=args.tta)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise CommandError(str(error)) from error


def one_line(path: str) -> str:
    """A path without tabs and line breaks: those and backslashes are escaped by a backslash."""
    return path.translate(str.maketrans({'\t': r'\t', '\n': r'\n', '\r': r'\r', '\\': r'\\'}))


def problem(path: str | None, reason: str) -> None:
    print(f'mmocr_siga: {one_line(path or "input")}: {reason}', file=sys.stderr)
