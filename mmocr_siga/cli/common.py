"""What commands that read pictures have in common."""
from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from . import CommandError

if TYPE_CHECKING:
    from ..inference.word_reader import WordReader

__all__ = ['add_context_arguments', 'add_model_arguments', 'one_line', 'positive', 'problem',
           'share', 'whole_number', 'word_reader']


def positive(text: str) -> int:
    """A whole number from 1 on."""
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f'must be a whole number from 1 on, got {text!r}')
    return value


def whole_number(text: str) -> int:
    """A whole number from 0 on."""
    if text.isascii() and text.isdigit():
        return int(text)
    raise argparse.ArgumentTypeError(f'must be a whole number from 0 on, got {text!r}')


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
    """Add ``--model``, ``--weights``, ``--device``, ``--backend`` and ``--tta``."""
    parser.add_argument('--model', help='name of a packaged model, or a config (default: the '
                        "package's own model)")
    parser.add_argument('--weights', help='file of weights; needed with a config')
    parser.add_argument('--device', help="'cpu', 'cuda', 'cuda:1' ... (default: the CPU where "
                        'onnxruntime reads, else a GPU if there is one)')
    parser.add_argument('--backend', choices=('onnx', 'torch'), help='what computes: onnxruntime, '
                        'which starts in a tenth of the time and reads packaged models on the CPU, '
                        'or PyTorch (default: onnxruntime where it can)')
    parser.add_argument('--tta', type=share, metavar='P',
                        help='read words of a smaller probability again, turned, slanted, closer '
                        'and wider, and take the most probable reading; 0 never does (default: 0.6 '
                        'for packaged models, 0 for others)')


def add_context_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--context`` and ``--shots``, which :func:`word_reader` knows."""
    parser.add_argument('--context', metavar='WORDS', help='labelled words of the kind that is '
                        'read, which characters are looked up in, by PyTorch: a pool (.npz, see '
                        'the command context), a table (.tsv), or a folder with labels.tsv, '
                        'train.tsv or a text file beside each picture')
    parser.add_argument('--shots', type=positive, metavar='K', help='most words of the context '
                        'that serve a word, the nearest (default: 100; 8 for an in-context model)')


def word_reader(args: argparse.Namespace, needs_torch: str | None = None,
                **options: Any) -> WordReader:
    """Make the reader that the arguments ask for, or raise a CommandError that tells why there is
    none; ``needs_torch`` names what only PyTorch can do, if that is asked for. Options are further
    arguments of :func:`.load_reader`."""
    if getattr(args, 'context', None) is not None:
        needs_torch = needs_torch or '--context'
        options.update(context=args.context, shots=args.shots)
    if needs_torch and args.backend == 'onnx':
        raise CommandError(f'{needs_torch} needs PyTorch: leave out --backend onnx')
    try:
        from ..inference.load_reader import load_reader
        from ..inference.packaged import DEFAULT_MODEL
        return load_reader(args.model or DEFAULT_MODEL, args.weights, args.device,
                           'torch' if needs_torch else args.backend, args.tta,
                           **options)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise CommandError(str(error)) from error


def one_line(path: str) -> str:
    """A path without tabs and line breaks: those and backslashes are escaped by a backslash."""
    return path.translate(str.maketrans({'\t': r'\t', '\n': r'\n', '\r': r'\r', '\\': r'\\'}))


def problem(path: str | None, reason: str) -> None:
    print(f'mmocr_siga: {one_line(path or "input")}: {reason}', file=sys.stderr)
