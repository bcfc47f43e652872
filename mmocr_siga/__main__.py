"""``python -m mmocr_siga``: see :mod:`mmocr_siga.cli`."""
import sys

from .cli import main

if __name__ == '__main__':
    sys.exit(main())
