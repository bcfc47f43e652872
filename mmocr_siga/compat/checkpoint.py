"""Loading checkpoints without running code that they carry, or making more of them than they are.

A checkpoint is a pickle, and a pickle may name any function for the reader to call. :func:`load`
calls those alone that tensors, plain containers and the state of an MMEngine run are made of: log
histories (``HistoryBuffer``), NumPy scalars and arrays, and a pickled ``getattr`` that fetches the
histories' methods and the curve of a one-cycle schedule. None of them makes more than the file
holds; archives that unfold are not opened. All of MMEngine's loaders end here (see
:mod:`.patches`): ``load_from``, ``--resume``, ``mim test`` and the inferencers.

A file that asks for more is refused with :class:`UnsafeCheckpointError`, unless the environment
variable ``MMOCR_SIGA_UNSAFE_LOAD`` is ``1``. A damaged file, or weights that are no numbers, are
errors in any case.
"""
from __future__ import annotations

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
from collections.abc import Mapping
from math import prod
from typing import IO, Any, Callable, NamedTuple, Union
from urllib.parse import urlparse

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, print_log
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from torch import Tensor
from torch._utils import _element_size

from .restricted_unpickler import RefusedError, restricted_pickle
from .sums import check_sum

UNSAFE_ENV = 'MMOCR_SIGA_UNSAFE_LOAD'
# Tensors may share what they hold, as tied weights do, and small ones may be expanded.
MOST_SHARED, HARMLESS = 16, 2**28  # times the size of the file; bytes
MOST_VALUES, MOST_NESTED = 1_000_000, 100

# Stands for the class of that name, so that a checkpoint cannot call it.
_ONE_CYCLE = object()
_CHECKED_TYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64)

Source = Union[str, 'os.PathLike[str]', IO[bytes]]
MapLocation = Union[None, str, torch.device, dict[str, str], Callable]


class UnsafeCheckpointError(pickle.UnpicklingError):
    """A checkpoint holds more than weights, optimizer states and log histories."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(
            f'{source} was not loaded: {reason}. Neither weights nor the state of an MMEngine run '
            'need that, and it may run code on this machine or fill its memory. If you trust where '
            'the file comes from, rewrite it once, in an environment with nothing to lose: '
            "torch.save({'state_dict': torch.load(old, weights_only=False)['state_dict']}, new). "
            f'Setting {UNSAFE_ENV}=1 switches this protection off for everything that is loaded.')


class _Container(NamedTuple):
    """A file of ``torch.save``: its bytes, and those of its storages, which an archive lists."""
    size: int
    storages: dict[str, int]
    zipped: bool


def load(source: Source, map_location: MapLocation = None) -> Any:
    """``torch.load`` of a path or an open file, refusing whatever could run code.

    Of what a run wrote about its config only the numbers of its GPUs are left under
    ``meta.config``, which MMEngine would execute.

    Raises:
        FileNotFoundError: If there is no such file.
        RuntimeError: If the file is damaged, or none of ``torch.save``.
        ValueError: If it is not what its card or ``.sha256`` file is of, or a weight is no number.
        UnsafeCheckpointError: If the file calls more than it may, is a TorchScript archive, or
            unfolds to more than it is.
    """
    name = str(source if isinstance(source, (str, os.PathLike)) else
               getattr(source, 'name', 'the checkpoint'))
    if os.environ.get(UNSAFE_ENV) == '1':
        print_log(f'{UNSAFE_ENV}=1: {name} is loaded without protection and may run code.',
                  'current', logging.WARNING)
        return torch.load(source, map_location=map_location, weights_only=False)
    if not hasattr(source, 'read'):
        check_sum(source)
        with open(source, 'rb') as file:
            return _load(file, name, map_location)
    return _load(source, name, map_location)


def _load(file: IO[bytes], name: str, map_location: MapLocation) -> Any:
    container = check_container(file, name)
    if not container.zipped:
        # In memory, where nothing can be asked for that is not there, and no tar archive is tried.
        file = io.BytesIO(file.read())
    try:
        content = torch.load(
            file, map_location=map_location, weights_only=False, pickle_module=restricted_pickle(
                *allowed_objects(), _fill, functools.partial(_check_storage, container)))
        _check_extent(content, container.size)
    except (pickle.UnpicklingError, EOFError, TypeError, AttributeError, LookupError,
            AssertionError, ValueError, MemoryError, OverflowError, RecursionError) as error:
        raise UnsafeCheckpointError(name, _reason(error)) from error
    _check_finite(content, name)
    _keep_data_of_config(content)
    return content


def check_container(file: IO[bytes], name: str) -> _Container:
    """Let whole files of ``torch.save`` pass: zip archives, and bare pickles as before torch 1.6.

    An archive holds a checksum of each part, which torch does not look at.

    Raises:
        RuntimeError: If the file is damaged, or none of ``torch.save``.
        UnsafeCheckpointError: If it is a TorchScript archive, or unfolds to more than it is.
    """
    start = file.tell()
    head = file.read(16)
    size = file.seek(0, os.SEEK_END) - start
    file.seek(start)
    if not head.startswith(b'PK\x03\x04'):
        if not head.startswith(pickle.PROTO):
            raise RuntimeError(f'{name} was not written by torch.save: it starts with {head!r}')
        return _Container(size, {}, False)
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            unfolded = sum(part.file_size for part in parts)
            if any(osp.basename(part.filename) == 'constants.pkl' for part in parts):
                raise UnsafeCheckpointError(name, 'it is a TorchScript archive')
            if unfolded > size or len({part.filename for part in parts}) < len(parts):
                raise UnsafeCheckpointError(
                    name, f'its {size:,} bytes unfold to {unfolded:,}, or name a part twice')
            broken = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError) as error:
        raise RuntimeError(
            f'{name} is damaged or cut short ({error}): copy or download it again') from error
    if broken is not None:
        raise RuntimeError(f'{name} is damaged: {broken} is not what its checksum is of. Copy or '
                           'download it again')
    file.seek(start)
    return _Container(size, {part.filename.rpartition('/data/')[2]: part.file_size
                             for part in parts}, True)


@functools.cache
def allowed_objects() -> tuple[dict[str, Any], dict[str, Callable]]:
    """What a checkpoint may name, and what it may call, by the names in the pickle.

    The names of NumPy 1 and NumPy 2 are both there, whichever is installed.
    """
    named = {
        f'{OneCycleParamScheduler.__module__}.{OneCycleParamScheduler.__qualname__}': _ONE_CYCLE,
        'numpy.ndarray': np.ndarray,
        'torch.storage.UntypedStorage': torch.UntypedStorage,
        **{str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)},
    }
    called = {
        'mmengine.logging.history_buffer.HistoryBuffer': HistoryBuffer,
        'builtins.getattr': _permitted_attribute,
        'numpy.dtype': _dtype,
        'torch._utils._rebuild_tensor': _tensor,
        'torch._utils._rebuild_tensor_v2': _tensor,
        'torch._utils._rebuild_tensor_v3': _tensor_of_type,
        'torch._utils._rebuild_parameter': _parameter,
        'torch._utils._rebuild_parameter_with_state': _parameter,
        'torch.Size': torch.Size,
        'torch.device': torch.device,
        'collections.OrderedDict': OrderedDict,
        'collections.Counter': Counter,
        # Protocol 2 writes bytes so; in no other codec.
        '_codecs.encode': _latin_1,
        'builtins.set': set,
        'builtins.bytearray': lambda value=b'', _='latin-1': bytearray(
            value if isinstance(value, bytes) else _latin_1(value)),
        'builtins.complex': complex,
    }
    for package in ('numpy.core', 'numpy._core'):
        called[f'{package}.multiarray.scalar'] = _scalar
        called[f'{package}.multiarray._reconstruct'] = _array
    return named, called


def _permitted_attribute(owner: Any, name: str) -> Callable:
    """What a checkpoint gets that asks for ``getattr``."""
    if type(name) is str:
        if owner is HistoryBuffer and name in ('min', 'max', 'current', 'mean'):
            return getattr(HistoryBuffer, name)
        if owner is _ONE_CYCLE and name in ('_annealing_cos', '_annealing_linear'):
            return getattr(OneCycleParamScheduler, name)
    raise RefusedError(f'it fetches the attribute {name!r} of {owner!r} (getattr)')


def _latin_1(text: str, codec: str = 'latin1') -> bytes:
    return codecs.latin_1_encode(text)[0]


def _dtype(code: str, *_: Any) -> np.dtype:
    """A copy: its state is set next. Not 'O': Python objects have no place in a checkpoint."""
    dtype = np.dtype(str(code), False, True)
    if dtype.kind not in 'biufcSU':
        raise RefusedError(f'it holds an array of dtype {dtype} (object)')
    return dtype


def _scalar(dtype: np.dtype, data: Any) -> Any:
    if isinstance(data, str):
        data = _latin_1(data)
    if len(data) != dtype.itemsize:
        raise RefusedError('it holds a NumPy scalar of another size than its type')
    return np.frombuffer(data, dtype)[0]


def _array(kind: Any, shape: Any, _: Any) -> np.ndarray:
    if tuple(shape) not in ((0, ), ()):
        raise RefusedError(f'it asks for an array of {shape}')
    return np.zeros(shape, 'b')


def _tensor(storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool = False,
            hooks: Any = None, metadata: Any = None) -> Tensor:
    return _tensor_of_type(storage, offset, size, stride, requires_grad, hooks, storage.dtype,
                           metadata)


def _tensor_of_type(storage: Any, offset: int, size: Any, stride: Any, requires_grad: bool,
                    _: Any, dtype: torch.dtype, metadata: Any = None) -> Tensor:
    """A view of a storage, which torch would make larger until the tensor fits."""
    untyped = storage._untyped_storage
    size, stride = tuple(size), tuple(stride)
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(type(n) is int and n >= 0 for n in numbers):
        raise RefusedError(f'it holds a tensor of size {size} and stride {stride}')
    end = offset + 1 + sum((n - 1) * step for n, step in zip(size, stride)) if prod(size) else 0
    if end * _element_size(dtype) > untyped.nbytes():
        raise RefusedError(f'it holds a tensor of {size}, more than its storage has')
    tensor = torch.empty((0, ), dtype=dtype, device=untyped.device)
    tensor.set_(untyped, offset, size, stride)
    tensor.requires_grad = bool(requires_grad)
    if metadata:
        torch._utils.set_tensor_metadata(tensor, metadata)
    return tensor


def _parameter(data: Tensor, requires_grad: bool, *_: Any) -> torch.nn.Parameter:
    return torch.nn.Parameter(data, bool(requires_grad))


def _fill(instance: Any, state: Any) -> None:
    """Set the state of an object in a pickle."""
    if isinstance(instance, np.dtype) and tuple(state[2:5]) == (None, None, None):
        instance.__setstate__(state)
    elif isinstance(instance, np.ndarray):
        _, shape, dtype, _, data = state
        if dtype.itemsize < 1 or prod(shape) * dtype.itemsize != len(data):
            raise RefusedError(f'it holds an array of {shape}, but not its values')
        instance.__setstate__(state)
    elif isinstance(instance, HistoryBuffer):
        for name in ('max_length', '_log_history', '_count_history'):  # not what it calls
            setattr(instance, name, state[name])
    elif type(instance) is OrderedDict and set(state) == {'_metadata'}:  # of a state_dict
        instance._metadata = state['_metadata']
    else:
        raise RefusedError(f'it sets the state of {type(instance)!r}')


def _check_storage(container: _Container, asked: Any) -> None:
    """Refuse a storage of more bytes than the file has for it."""
    if type(asked) is not tuple or len(asked) not in (5, 6) or asked[0] != 'storage':
        raise RefusedError(f'it asks for {str(asked)[:80]}')
    kind, key, count = asked[1], str(asked[2]), asked[4]
    dtype = torch.uint8 if kind is torch.UntypedStorage else kind.dtype
    wanted = count * _element_size(dtype) if type(count) is int else -1
    if container.zipped:
        held = container.storages.get(key, 0)
    else:  # all of them have to be in the file
        container.storages.setdefault(key, wanted)
        held = container.size - sum(container.storages.values()) + wanted
    if not 0 <= wanted <= held:
        raise RefusedError(f'it asks for {count} values of {dtype} in storage {key}, which are not '
                           'in the file')


def _check_extent(content: Any, size: int) -> None:
    """Refuse what would unfold when it is copied: expanded tensors, and values that share much."""
    waiting, values, copied = [(content, 0)], 0, 0
    while waiting:
        value, depth = waiting.pop()
        values += 1
        if isinstance(value, Tensor):
            copied += value.numel() * value.element_size()
        elif isinstance(value, Mapping):
            waiting += [(item, depth + 1) for pair in value.items() for item in pair]
        elif isinstance(value, (list, tuple, set)):
            waiting += [(item, depth + 1) for item in value]
        if depth > MOST_NESTED or values + len(waiting) > MOST_VALUES:
            raise RefusedError('its values are nested too deeply, or are too many')
        if copied > max(MOST_SHARED * size, HARMLESS):
            raise RefusedError(f'its {size:,} bytes unfold to {copied:,} and more')


def _reason(error: BaseException) -> str:
    """What was refused, in our words if it was this package that refused it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RefusedError):
            return str(cause)
        cause = cause.__context__
    return f'it cannot be read as weights alone ({type(error).__name__}: {error})'


def _check_finite(content: Any, name: str) -> None:
    """Refuse weights that are no numbers, which a training that failed leaves behind.

    Raises:
        ValueError: Names the first of them.
    """
    if not isinstance(content, Mapping):
        return
    for part in [content.get('state_dict', content), content.get('ema_state_dict')]:
        for key, value in part.items() if isinstance(part, Mapping) else ():
            if (not isinstance(value, Tensor) or value.is_meta or value.dtype not in _CHECKED_TYPES
                    or torch.isfinite(value).all()
                    or ((value == 0) | (value == float('-inf'))).all()):  # a mask
                continue
            raise ValueError(f'{name} is of no use: its {key!r} holds {_no_numbers(value)} values '
                             'that are NaN or infinite. Take an earlier checkpoint')


def _no_numbers(value: Tensor) -> str:
    return f'{int((~torch.isfinite(value)).sum()):,} of {value.numel():,}'


def _keep_data_of_config(content: Any) -> None:
    """MMEngine executes ``meta.config`` to count the GPUs of a run: leave it their numbers."""
    meta = content.get('meta') if isinstance(content, dict) else None
    if isinstance(meta, dict) and 'config' in meta:
        numbers = re.search(r'^gpu_ids\s*=\s*(\[[\d,\s]*\]|range\(\d+(?:,\s*\d+)?\))\s*$',
                            str(meta['config'])[:1_000_000], re.M)
        meta['config'] = f'gpu_ids = {numbers[1]}\n' if numbers else ''


def load_url(url: str, model_dir: str | None = None, map_location: MapLocation = None,
             progress: bool = True) -> Any:
    """Download a checkpoint, unless torch's cache has it, and :func:`load` it."""
    folder = model_dir or osp.join(torch.hub.get_dir(), 'checkpoints')
    path = osp.join(folder, osp.basename(urlparse(url).path))
    if not osp.exists(path):
        os.makedirs(folder, exist_ok=True)
        torch.hub.download_url_to_file(url, path, progress=progress)
    return load(path, map_location)
