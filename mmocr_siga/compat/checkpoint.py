"""Loading checkpoints without running code that they carry.

A checkpoint is a pickle, and a pickle may name any function for the reader to call. torch's
``weights_only`` reader accepts tensors and plain containers alone, which is too little for
MMEngine: its checkpoints also hold log histories (``HistoryBuffer``), NumPy scalars and arrays, and
a pickled ``getattr`` that fetches the histories' methods and the curve of a one-cycle schedule.
This module allows exactly those, and serves the name ``getattr`` with a function that knows
nothing else.

:func:`register_loaders` puts :func:`load` under every loader of MMEngine, so ``load_from``,
``--resume``, ``mim test`` and the inferencers read all checkpoints this way, with every torch from
2.0. A file that asks for more is refused with :class:`UnsafeCheckpointError`, unless the
environment variable ``MMOCR_SIGA_UNSAFE_LOAD`` is ``1``.
"""

import codecs
import functools
import io
import logging
import os
import os.path as osp
import pickle
import re
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import IO, Any, Callable, Optional, Union
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.dist import barrier, get_rank
from mmengine.fileio import get_file_backend
from mmengine.logging import HistoryBuffer, print_log
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

UNSAFE_ENV = 'MMOCR_SIGA_UNSAFE_LOAD'

# Stands for the class of that name, so that a checkpoint cannot call it.
_ONE_CYCLE = object()
_ONE_CYCLE_NAME = f'{OneCycleParamScheduler.__module__}.{OneCycleParamScheduler.__qualname__}'
_ONE_CYCLE_CURVES = ('_annealing_cos', '_annealing_linear')
_HISTORY_METHODS = ('min', 'max', 'current', 'mean')
# Up to torch 2.5 `weights_only` cannot be given the names under which objects were pickled.
_TORCH_TAKES_NAMES = tuple(int(n) for n in torch.__version__.split('.')[:2]) >= (2, 6)

Source = Union[str, 'os.PathLike[str]', IO[bytes]]
MapLocation = Optional[Union[str, torch.device, dict[str, str], Callable]]


class UnsafeCheckpointError(pickle.UnpicklingError):
    """A checkpoint holds more than weights, optimizer states and log histories.

    Args:
        source (str): Name of the file.
        reason (str): What in it was refused.
    """

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(
            f'{source} was not loaded: {reason}. Neither weights nor the state of an MMEngine run '
            'need that, and it may run code on this machine. If you trust where the file comes '
            'from, rewrite it once, in an environment with nothing to lose: '
            "torch.save({'state_dict': torch.load(old, weights_only=False)['state_dict']}, new). "
            f'Setting {UNSAFE_ENV}=1 switches this protection off for everything that is loaded.')


class _RefusedError(pickle.UnpicklingError):
    """Something in the pickle is not on the list."""


def permitted_attribute(owner: Any, name: str) -> Callable:
    """What a checkpoint gets that asks for ``getattr``.

    Args:
        owner (Any): :class:`mmengine.logging.HistoryBuffer` itself, or the stand-in for
            ``OneCycleParamScheduler``.
        name (str): A statistic of the first ('min', 'max', 'current', 'mean') or a curve of the
            second ('_annealing_cos', '_annealing_linear').

    Returns:
        Callable: The method.

    Raises:
        pickle.UnpicklingError: For any other owner or name.
    """
    if type(name) is str:
        if owner is HistoryBuffer and name in _HISTORY_METHODS:
            return getattr(HistoryBuffer, name)
        if owner is _ONE_CYCLE and name in _ONE_CYCLE_CURVES:
            return getattr(OneCycleParamScheduler, name)
    raise _RefusedError(f'it fetches the attribute {name!r} of {owner!r} (getattr)')


@functools.cache
def allowed_globals() -> dict[str, Any]:
    """Objects a checkpoint may name besides those torch allows.

    Returns:
        dict[str, Any]: From pickled names to the objects that stand for them here. The names of
        NumPy 1 and NumPy 2 are both there, whichever is installed.
    """
    allowed = {
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        _ONE_CYCLE_NAME: _ONE_CYCLE,
        'builtins.getattr': permitted_attribute,
        'numpy.ndarray': np.ndarray,
        'numpy.dtype': np.dtype,
    }
    scalar = np.float64(0).__reduce__()[0]
    reconstruct = np.zeros(1).__reduce__()[0]
    for package in ('numpy.core', 'numpy._core'):
        allowed[f'{package}.multiarray.scalar'] = scalar
        allowed[f'{package}.multiarray._reconstruct'] = reconstruct
    # The state of a dtype is set on an instance of these classes. Not on that of 'O': arrays of
    # Python objects have no place in a checkpoint.
    for code in '?bhilqBHILQefdgFDGSU':
        dtype_class = type(np.dtype(code))
        allowed[f'{dtype_class.__module__}.{dtype_class.__qualname__}'] = dtype_class
    return allowed


def load(source: Source, map_location: MapLocation = None) -> Any:
    """Load a checkpoint, refusing whatever could run code.

    Args:
        source (str or PathLike or file object): A file written by ``torch.save``.
        map_location (optional): As in :func:`torch.load`. Defaults to None.

    Returns:
        Any: The content, usually a dict.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is damaged, or none of ``torch.save``.
        UnsafeCheckpointError: If the file names an object outside :func:`allowed_globals` and
            torch's own list, or is a TorchScript archive.
    """
    name = _source_name(source)
    if os.environ.get(UNSAFE_ENV) == '1':
        print_log(
            f'{UNSAFE_ENV}=1: {name} is loaded without protection and may run code.',
            logger='current',
            level=logging.WARNING)
        return torch.load(source, map_location=map_location, weights_only=False)
    read = _load_weights_only if _TORCH_TAKES_NAMES else _load_restricted
    if isinstance(source, (str, os.PathLike)):
        with open(source, 'rb') as file:
            _check_container(file, name)
    else:
        _check_container(source, name)
    try:
        with _history_statistics_kept():
            return read(source, map_location)
    except pickle.UnpicklingError as error:
        raise UnsafeCheckpointError(name, _reason(error)) from error


def _source_name(source: Source) -> str:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return str(getattr(source, 'name', 'the checkpoint'))


def _reason(error: pickle.UnpicklingError) -> str:
    """What was refused, in our words if it was this module that refused it, else in torch's."""
    cause: Optional[BaseException] = error
    while cause is not None:
        if isinstance(cause, _RefusedError):
            return str(cause)
        cause = cause.__context__
    match = re.search(r'GLOBAL (\S+)', str(error))
    if match:
        return f'it names the Python object {match.group(1)!r}'
    message = str(error).split('WeightsUnpickler error: ')[-1].strip()
    return 'it cannot be read as weights alone (' + message.split('\n')[0].strip(' .') + ')'


@contextmanager
def _history_statistics_kept() -> Iterator[None]:
    """``HistoryBuffer.__setstate__`` writes into a dict of the class: undo that."""
    before = dict(HistoryBuffer._statistics_methods)
    try:
        yield
    finally:
        HistoryBuffer._statistics_methods.clear()
        HistoryBuffer._statistics_methods.update(before)


def _load_weights_only(source: Source, map_location: MapLocation) -> Any:
    names = [(value, name) for name, value in allowed_globals().items()]
    with torch.serialization.safe_globals(names):
        return torch.load(source, map_location=map_location, weights_only=True)


def _check_container(file: IO[bytes], name: str) -> None:
    """Let files of ``torch.save`` pass: zip archives, and bare pickles as before torch 1.6."""
    start = file.tell()
    head = file.read(16)
    file.seek(start)
    if head.startswith(b'PK\x03\x04'):
        try:
            members = zipfile.ZipFile(file).namelist()
        except zipfile.BadZipFile as error:
            raise RuntimeError(f'{name} is damaged or cut short ({error}): copy or download it '
                               'again') from error
        file.seek(start)
        if any(osp.basename(member) == 'constants.pkl' for member in members):
            raise UnsafeCheckpointError(name, 'it is a TorchScript archive')
    elif not head.startswith(pickle.PROTO):
        raise RuntimeError(f'{name} was not written by torch.save: it starts with {head!r}')


# What follows, up to the loaders, serves torch up to 2.5.


def _encode(text: str, encoding: str = 'latin1') -> bytes:
    """``_codecs.encode`` as protocol 2 writes bytes: in latin1, and no other codec."""
    if type(text) is not str or encoding != 'latin1':
        raise _RefusedError(f'it encodes text with {encoding!r} (_codecs.encode)')
    return codecs.latin_1_encode(text)[0]


@functools.cache
def _all_globals() -> dict[str, Any]:
    """:func:`allowed_globals` with the list of torch, and what newer ones have added to that."""
    from torch._weights_only_unpickler import _get_allowed_globals
    torch_dtypes = {str(v): v for v in vars(torch).values() if isinstance(v, torch.dtype)}
    return {
        **_get_allowed_globals(),
        **torch_dtypes,
        **allowed_globals(),
        'torch.device': torch.device,
        'torch._utils._rebuild_parameter_with_state': torch._utils._rebuild_parameter_with_state,
        'collections.OrderedDict': OrderedDict,
        'collections.Counter': Counter,
        'builtins.set': set,
        'builtins.bytearray': bytearray,
        'builtins.complex': complex,
        '_codecs.encode': _encode,
    }


class _RestrictedUnpickler(pickle._Unpickler):  # the C class does not let opcodes be replaced
    """Unpickler that finds, calls, instantiates and fills objects of :func:`_all_globals` only."""

    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        """Look a global up in the list, never in a module."""
        if module == '__builtin__':  # the name in Python 2, which protocol 2 writes
            module = 'builtins'
        try:
            return _all_globals()[f'{module}.{name}']
        except KeyError:
            raise _RefusedError(f"it names the Python object '{module}.{name}'") from None

    def load_reduce(self) -> None:
        args = self.stack.pop()
        function = self.stack[-1]
        _require(function, 'calls')
        self.stack[-1] = function(*args)

    def load_newobj(self) -> None:
        args = self.stack.pop()
        cls = self.stack.pop()
        _require(cls, 'instantiates')
        self.append(cls.__new__(cls, *args))

    def load_build(self) -> None:
        instance = self.stack[-2]
        _require(type(instance), 'sets the state of')
        state = self.stack.pop()
        if hasattr(instance, '__setstate__'):
            instance.__setstate__(state)
        else:
            instance.__dict__.update(state)

    def load_forbidden(self) -> None:
        raise _RefusedError('it uses a pickle instruction that no checkpoint needs')

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.BUILD[0]] = load_build
    for _opcode in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2,
                    pickle.EXT4):
        dispatch[_opcode[0]] = load_forbidden


def _require(item: Any, action: str) -> None:
    if not any(item is allowed for allowed in _all_globals().values()):
        raise _RefusedError(f'it {action} {item!r}')


def _unpickle(file: IO[bytes], **kwargs: Any) -> Any:
    return _RestrictedUnpickler(file, **kwargs).load()


_restricted_pickle = SimpleNamespace(
    __name__=__name__, Unpickler=_RestrictedUnpickler, load=_unpickle)


def _load_restricted(source: Source, map_location: MapLocation) -> Any:
    return torch.load(
        source,
        map_location=map_location,
        pickle_module=_restricted_pickle,
        weights_only=False)


# Loaders of MMEngine. Their names are part of its log line.


def load_from_local(filename: str, map_location: MapLocation = None) -> Any:
    """Load a checkpoint from a path with :func:`load`.

    Args:
        filename (str): The path; ``~`` is expanded.
        map_location (optional): As in :func:`torch.load`. Defaults to None.

    Returns:
        Any: The checkpoint.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    filename = osp.expanduser(filename)
    if not osp.isfile(filename):
        raise FileNotFoundError(f'{filename} can not be found.')
    return load(filename, map_location)


def load_from_http(filename: str,
                   map_location: MapLocation = None,
                   model_dir: Optional[str] = None,
                   progress: Optional[bool] = None) -> Any:
    """Download a checkpoint, unless torch's cache has it, and load it with :func:`load`.

    Args:
        filename (str): The address.
        map_location (optional): As in :func:`torch.load`. Defaults to None.
        model_dir (str, optional): Folder to keep the file in. Defaults to torch's cache.
        progress (bool, optional): Show a progress bar. Defaults to True in a terminal.

    Returns:
        Any: The checkpoint.
    """
    model_dir = model_dir or osp.join(torch.hub.get_dir(), 'checkpoints')
    progress = os.isatty(0) if progress is None else progress
    cached = osp.join(model_dir, osp.basename(urlparse(filename).path))

    def download() -> None:
        if not osp.exists(cached):
            os.makedirs(model_dir, exist_ok=True)
            torch.hub.download_url_to_file(filename, cached, progress=progress)

    if get_rank() == 0:
        download()
    barrier()
    download()  # other machines have a cache of their own
    return load(cached, map_location)


def load_from_pavi(filename: str, map_location: MapLocation = None) -> Any:
    """Load a checkpoint from ``pavi://`` with :func:`load`.

    Args:
        filename (str): The address.
        map_location (optional): As in :func:`torch.load`. Defaults to None.

    Returns:
        Any: The checkpoint.

    Raises:
        ImportError: If the client, the package ``pavi``, is missing.
    """
    try:
        from pavi import modelcloud
    except ImportError as error:
        raise ImportError('Please install pavi to load checkpoint from modelcloud.') from error
    model = modelcloud.get(filename[len('pavi://'):])
    with TemporaryDirectory() as folder:
        path = osp.join(folder, model.name)
        model.download(path)
        return load(path, map_location)


def load_from_ceph(filename: str,
                   map_location: MapLocation = None,
                   backend: str = 'petrel') -> Any:
    """Load a checkpoint from ``s3://`` or ``petrel://`` with :func:`load`.

    Args:
        filename (str): The address.
        map_location (optional): As in :func:`torch.load`. Defaults to None.
        backend (str): Storage backend of MMEngine. Defaults to 'petrel'.

    Returns:
        Any: The checkpoint.
    """
    file_backend = get_file_backend(filename, backend_args={'backend': backend})
    with io.BytesIO(file_backend.get(filename)) as buffer:
        return load(buffer, map_location)


def load_from_openmmlab(filename: str, map_location: MapLocation = None) -> Any:
    """Load a checkpoint named ``open-mmlab://name`` or ``openmmlab://name`` with :func:`load`.

    Args:
        filename (str): The name, with its prefix.
        map_location (optional): As in :func:`torch.load`. Defaults to None.

    Returns:
        Any: The checkpoint.
    """
    name = filename.split('://', 1)[1]
    name = mmengine_checkpoint.get_deprecated_model_names().get(name, name)
    url = mmengine_checkpoint.get_external_models()[name]
    if url.startswith(('http://', 'https://')):
        return load_from_http(url, map_location)
    return load_from_local(osp.join(mmengine_checkpoint._get_mmengine_home(), url), map_location)


def register_loaders() -> None:
    """Put the loaders above in the place of MMEngine's. Safe to call more than once.

    The names in MMEngine's module are replaced too: its loaders for ``torchvision://`` and
    ``mmcls://`` find :func:`load_from_http` there.
    """
    schemes = (
        ('', load_from_local),
        (('http://', 'https://'), load_from_http),
        ('pavi://', load_from_pavi),
        ((r'(\S+\:)?s3://', r'(\S+\:)?petrel://'), load_from_ceph),
        (('open-mmlab://', 'openmmlab://'), load_from_openmmlab),
    )
    for prefixes, loader in schemes:
        CheckpointLoader.register_scheme(prefixes, loader, force=True)
        setattr(mmengine_checkpoint, loader.__name__, loader)
