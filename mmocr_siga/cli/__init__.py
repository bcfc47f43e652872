"""The command line: ``python -m mmocr_siga COMMAND``.

A command is a module of this package with ``HELP``, ``add_arguments(parser)`` and
``run(args, out) -> int``, named in :data:`COMMANDS`. Modules import what is slow to import within
``run``. Results go to ``out``; ``sys.stdout`` is the standard error meanwhile, so that nothing that
a library prints gets among them.

Exit codes: 0 all was well, 1 some inputs could not be read, 2 the command could not run, 130 it was
interrupted, 141 nobody read its output any more.
"""
from __future__ import annotations

import argparse
import contextlib
import importlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn, TextIO

__all__ = ['COMMANDS', 'CommandError', 'main', 'run_tool']

COMMANDS = ('read', 'show', 'spot', 'edit', 'demo', 'context', 'config')
DEBUG_ENV = 'MMOCR_SIGA_DEBUG'


class CommandError(Exception):
    """The command cannot run; the message is for the user."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line, by default with the arguments of the process; gives the exit code."""
    args = _parser().parse_args(argv)
    out = sys.stdout

    def run() -> int:
        with _quiet(), contextlib.redirect_stdout(sys.stderr):
            code = args.run(args, out)
        out.flush()
        return code

    return _answered('mmocr_siga', run, out)


def run_tool(main: Callable[[], int | None]) -> NoReturn:
    """Run the ``main`` of a file in ``tools/``: it ends as commands do, whatever is raised."""
    sys.exit(_answered(os.path.basename(sys.argv[0]).removesuffix('.py'), main, sys.stdout))


def _answered(name: str, run: Callable[[], int | None], out: TextIO) -> int:
    try:
        return run() or 0
    except BrokenPipeError:
        # What is still buffered would fail once more when the interpreter ends.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    except CommandError as error:
        message = str(error)
    except Exception as error:
        if os.environ.get(DEBUG_ENV) == '1':
            raise
        message = str(error)
        if not isinstance(error, (OSError, ValueError)):  # no fault of an input
            message = f'{type(error).__name__}: {message}\n({DEBUG_ENV}=1 shows where)'
    print(f'{name}: {message}', file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m mmocr_siga', description='Read words from pictures.')
    from ..version import __version__
    parser.add_argument('--version', action='version', version=__version__)
    commands = parser.add_subparsers(title='commands', metavar='COMMAND', required=True)
    for name in COMMANDS:
        module = importlib.import_module(f'{__name__}.{name}')
        command = commands.add_parser(
            name, help=module.HELP, description=module.__doc__.strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


@contextlib.contextmanager
def _quiet():
    """Without libraries' warnings and log lines, unless ``-W`` asks for the former."""
    disabled = logging.root.manager.disable
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter('ignore')
        logging.disable(logging.INFO)
        try:
            yield
        finally:
            logging.disable(disabled)


def write_line(out: TextIO, line: str) -> None:
    print(line, file=out, flush=True)
