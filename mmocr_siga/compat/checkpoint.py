"""Loading checkpoints without running code that they carry.

A checkpoint is a pickle, and a pickle may name any function for the reader to call. torch's
``weights_only`` reader accepts tensors and plain containers alone, which is too little for
MMEngine: its checkpoints also hold log histories (``HistoryBuffer``), NumPy scalars and arrays, and
a pickled ``getattr`` that fetches the histories' methods and the curve of a one-cycle schedule.
:func:`load` allows exactly those, and serves the name ``getattr`` with a function that knows
nothing else. All of MMEngine's loaders end in it (see :mod:`.patches`): ``load_from``,
``--resume``, ``mim test`` and the inferencers.

A file that asks for more is refused with :class:`UnsafeCheckpointError`, unless the environment
variable ``MMOCR_SIGA_UNSAFE_LOAD`` is ``1``.
"""
from __future__ import annotations

import functools
import logging
import os
import os.path as osp
import pickle
import re
import zipfile
from contextlib import nullcontext
from typing import IO, Any, Callable, Union
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler

from .restricted_unpickler import RefusedError, restricted_pickle

UNSAFE_ENV = 'MMOCR_SIGA_UNSAFE_LOAD'

# Stands for the class of that name, so that a checkpoint cannot call it.
_ONE_CYCLE = object()
_ONE_CYCLE_NAME = f'{OneCycleParamScheduler.__module__}.{OneCycleParamScheduler.__qualname__}'
# Up to torch 2.5 `weights_only` cannot be given the names under which objects were pickled.
_TORCH_TAKES_NAMES = tuple(int(n) for n in torch.__version__.split('.')[:2]) >= (2, 6)

Source = Union[str, 'os.PathLike[str]', IO[bytes]]
MapLocation = Union[None, str, torch.device, dict[str, str], Callable]


class UnsafeCheckpointError(pickle.UnpicklingError):
    """A checkpoint holds more than weights, optimizer states and log histories."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(
            f'{source} was not loaded: {reason}. Neither weights nor the state of an MMEngine run '
            'need that, and it may run code on this machine. If you trust where the file comes '
            'from, rewrite it once, in an environment with nothing to lose: '
            "torch.save({'state_dict': torch.load(old, weights_only=False)['state_dict']}, new). "
            f'Setting {UNSAFE_ENV}=1 switches this protection off for everything that is loaded.')


def _permitted_attribute(owner: Any, name: str) -> Callable:
    """What a checkpoint gets that asks for ``getattr``."""
    if type(name) is str:
        if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
            return getattr(HistoryBuffer, name)
        if owner is _ONE_CYCLE and name in ('_annealing_cos', '_annealing_linear'):
            return getattr(OneCycleParamScheduler, name)
    raise RefusedError(f'it fetches the attribute {name!r} of {owner!r} (getattr)')


@functools.cache
def allowed_globals() -> dict[str, Any]:
    """Objects a checkpoint may name besides those torch allows, by the names in the pickle.

    The names of NumPy 1 and NumPy 2 are both there, whichever is installed.
    """
    allowed = {
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        _ONE_CYCLE_NAME: _ONE_CYCLE,
        'builtins.getattr': _permitted_attribute,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
    }
    for package in ('numpy.core', 'numpy._core'):
        allowed[f'{package}.multiarray.scalar'] = np.float64(0).__reduce__()[0]
        allowed[f'{package}.multiarray._reconstruct'] = np.zeros(1).__reduce__()[0]
    # The state of a dtype is set on an instance of these classes. Not on that of 'O': arrays of
    # Python objects have no place in a checkpoint.
    for dtype_class in {type(np.dtype(code)) for code in '?bhilqBHILQefdgFDGSU'}:
        allowed[f'{dtype_class.__module__}.{dtype_class.__qualname__}'] = dtype_class
    return allowed


def load(source: Source, map_location: MapLocation = None) -> Any:
    """``torch.load`` of a path or an open file, refusing whatever could run code.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is damaged, or none of ``torch.save``.
        UnsafeCheckpointError: If the file names an object outside :func:`allowed_globals` and
            torch's own list, or is a TorchScript archive.
    """
    name = str(source if isinstance(source, (str, os.PathLike)) else
               getattr(source, 'name', 'the checkpoint'))
    if os.environ.get(UNSAFE_ENV) == '1':
        print_log(f'{UNSAFE_ENV}=1: {name} is loaded without protection and may run code.',
                  'current', logging.WARNING)
        return torch.load(source, map_location=map_location, weights_only=False)
    with nullcontext(source) if hasattr(source, 'read') else open(source, 'rb') as file:
        _check_container(file, name)
    try:
        return _load_permitted(source, map_location)
    except pickle.UnpicklingError as error:
        raise UnsafeCheckpointError(name, _reason(error)) from error


def _check_container(file: IO[bytes], name: str) -> None:
    """Let files of ``torch.save`` pass: zip archives, and bare pickles as before torch 1.6."""
    start = file.tell()
    head = file.read(16)
    try:
        members = zipfile.ZipFile(file).namelist() if head.startswith(b'PK\x03\x04') else []
    except zipfile.BadZipFile as error:
        raise RuntimeError(
            f'{name} is damaged or cut short ({error}): copy or download it again') from error
    file.seek(start)
    if any(osp.basename(member) == 'constants.pkl' for member in members):
        raise UnsafeCheckpointError(name, 'it is a TorchScript archive')
    if not members and not head.startswith(pickle.PROTO):
        raise RuntimeError(f'{name} was not written by torch.save: it starts with {head!r}')


def _load_permitted(source: Source, map_location: MapLocation) -> Any:
    statistics = dict(HistoryBuffer._statistics_methods)
    try:
        if not _TORCH_TAKES_NAMES:
            return torch.load(source, map_location=map_location, weights_only=False,
                              pickle_module=restricted_pickle(allowed_globals()))
        names = [(value, name) for name, value in allowed_globals().items()]
        with torch.serialization.safe_globals(names):
            return torch.load(source, map_location=map_location, weights_only=True)
    finally:  # HistoryBuffer.__setstate__ writes into this dict of the class
        HistoryBuffer._statistics_methods.clear()
        HistoryBuffer._statistics_methods.update(statistics)


def _reason(error: pickle.UnpicklingError) -> str:
    """What was refused, in our words if it was this package that refused it, else in torch's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RefusedError):
            return str(cause)
        cause = cause.__context__
    if match := re.search(r'GLOBAL (\S+)', str(error)):
        return f'it names the Python object {match[1]!r}'
    message = str(error).split('WeightsUnpickler error: ')[-1].strip().split('\n')[0]
    return f'it cannot be read as weights alone ({message.strip(" .")})'


def load_url(url: str, model_dir: str | None = None, map_location: MapLocation = None,
             progress: bool = True) -> Any:
    """Download a checkpoint, unless torch's cache has it, and :func:`load` it."""
    folder = model_dir or osp.join(torch.hub.get_dir(), 'checkpoints')
    path = osp.join(folder, osp.basename(urlparse(url).path))
    if not osp.exists(path):
        os.makedirs(folder, exist_ok=True)
        torch.hub.download_url_to_file(url, path, progress=progress)
    return load(path, map_location)
