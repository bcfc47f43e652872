"""How the interpreter was started; imported before anything else, so it imports next to nothing."""
import sys

__all__ = ['is_command']


def is_command() -> bool:
    """Whether the package is being imported on behalf of ``python -m mmocr_siga``.

    MMOCR takes seconds to import. The command line looks at its arguments first, so that ``--help``
    and mistakes are answered at once, and registers the components when it needs them.
    """
    # While the interpreter looks for the module to run, argv[0] is '-m'.
    if sys.argv[:1] != ['-m']:
        return False
    arguments = getattr(sys, 'orig_argv', [])  # from Python 3.10 on
    return any(pair == ('-m', 'mmocr_siga') for pair in zip(arguments, arguments[1:]))
