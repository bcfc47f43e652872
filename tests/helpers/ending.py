import sys
from unittest import mock

import pytest

from mmocr_siga.cli import run_tool


def ended(main, argv):
    """Exit code of a tool whose ``main`` gets these arguments; what it says goes where it does."""
    name = main.__module__.rpartition('.')[2]
    with mock.patch.object(sys, 'argv', [f'{name}.py']), pytest.raises(SystemExit) as stop:
        run_tool(lambda: main(argv))
    return stop.value.code
