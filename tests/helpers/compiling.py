"""torch.compile in tests."""
import multiprocessing

import pytest
import torch


def runs_in_a_process_of_its_own(function, *args):
    """Whether a function that compiles fails nowhere: after compiling, a process can fork none that
    trains, as other tests do."""
    if not getattr(torch._dynamo, 'is_dynamo_supported', lambda: True)():
        pytest.skip('torch.compile does not support this Python')
    process = multiprocessing.get_context('fork').Process(target=function, args=args)
    process.start()
    process.join()
    return process.exitcode == 0
