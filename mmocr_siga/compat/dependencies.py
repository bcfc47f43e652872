"""Gaps between the versions of MMOCR's dependencies, closed before anything is imported.

:func:`apply` runs first in ``mmocr_siga/__init__.py``. It checks the installed versions, gives
``mmcv-lite`` a stand-in for the compiled operators that MMDetection imports but recognisers never
call, and puts back the one NumPy attribute that imgaug misses on NumPy 2. Every step does nothing
where nothing is missing: a full mmcv with working operators always wins.
"""

import importlib
import importlib.util
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as distribution_version
from types import ModuleType
from typing import Callable, NamedTuple, Optional

import numpy as np

MMCV_EXT = 'mmcv._ext'

_LITE_HINT = "pip install 'mmcv-lite==2.0.1'"
_FULL_HINT = "mim install 'mmcv>=2.0.0,<2.1.0'"


class Requirement(NamedTuple):
    """A range of versions of one package.

    Attributes:
        module (str): Name the package is imported by.
        distributions (tuple[str]): Names it is installed by, the most usual first.
        minimum (str): Lowest version accepted.
        below (str, optional): First version that is too new; None for no upper end.
        hint (str): Command that installs a version that fits.
    """
    module: str
    distributions: tuple[str, ...]
    minimum: str
    below: Optional[str]
    hint: str

    @property
    def range(self) -> str:
        """The range as text, e.g. ``'>=2.0.0, <2.1.0'``."""
        return f'>={self.minimum}' + (f', <{self.below}' if self.below else '')


REQUIREMENTS: tuple[Requirement, ...] = (
    Requirement('torch', ('torch', ), '2.0.0', None,
                "pip install 'torch>=2.0' torchvision (both in one command)"),
    Requirement('mmengine', ('mmengine', 'mmengine-lite'), '0.10.4', '0.11.0',
                "pip install 'mmengine==0.10.7'"),
    # MMDetection 3.1 refuses mmcv 2.1, and MMOCR 1.0 refuses MMDetection 3.2.
    Requirement('mmcv', ('mmcv', 'mmcv-lite', 'mmcv-full'), '2.0.0', '2.1.0',
                f'{_LITE_HINT} (recognition), or {_FULL_HINT} (all of MMDetection)'),
    Requirement('mmdet', ('mmdet', ), '3.0.0', '3.2.0', "pip install 'mmdet==3.1.0'"),
    Requirement('mmocr', ('mmocr', ), '1.0.0', '1.1.0', "pip install 'mmocr==1.0.1'"),
)


def _release(version: str) -> tuple[int, ...]:
    """Leading numbers of a version: ``'2.0.1rc4+cu118'`` gives ``(2, 0, 1)``."""
    match = re.match(r'\d+(?:\.\d+)*', version)
    if match is None:
        raise ValueError(f'not a version number: {version!r}')
    numbers = tuple(int(part) for part in match.group().split('.'))
    return numbers + (0, ) * (3 - len(numbers))


def installed_version(requirement: Requirement) -> Optional[str]:
    """Version of an installed package, read without importing it where that is possible.

    A package with the wrong version often raises when it is imported, hence the metadata first.

    Args:
        requirement (Requirement): The package to look up.

    Returns:
        str, optional: The version, ``''`` if the package is there but says nothing about it (a bare
        source tree), None if it is missing.
    """
    try:
        if importlib.util.find_spec(requirement.module) is None:
            return None
    except ValueError:  # imported by hand, without a spec
        pass
    loaded = getattr(sys.modules.get(requirement.module), '__version__', None)
    if loaded is not None:
        return str(loaded)
    for name in requirement.distributions:
        try:
            return distribution_version(name)
        except PackageNotFoundError:
            continue
    return ''


def check_versions(requirements: Sequence[Requirement] = REQUIREMENTS,
                   lookup: Callable[[Requirement], Optional[str]] = installed_version) -> None:
    """Check every package against its range and report all misfits at once.

    Args:
        requirements (Sequence[Requirement]): What to check. Defaults to :data:`REQUIREMENTS`.
        lookup (Callable): Gives the installed version of a requirement. Defaults to
            :func:`installed_version`.

    Raises:
        ImportError: If a package is missing or outside its range; the message names each of them,
            the version found, the range wanted and the command to install it.
    """
    problems = []
    for requirement in requirements:
        found = lookup(requirement)
        if found is None:
            problem = f'{requirement.module} {requirement.range} is not installed'
        elif found and not _in_range(found, requirement):
            problem = f'{requirement.module} {found} is installed, {requirement.range} is needed'
        else:
            continue
        problems.append(f'  {problem}: {requirement.hint}')
    if problems:
        raise ImportError('mmocr_siga cannot run with the packages found here:\n' +
                          '\n'.join(problems))


def _in_range(version: str, requirement: Requirement) -> bool:
    release = _release(version)
    above = release >= _release(requirement.minimum)
    return above and (requirement.below is None or release < _release(requirement.below))


def check_numpy(torch_version: str, numpy_version: str) -> None:
    """Check that torch can exchange arrays with NumPy: before 2.3 it was built for NumPy 1.

    Args:
        torch_version (str): Version of torch.
        numpy_version (str): Version of NumPy.

    Raises:
        ImportError: If torch is older than 2.3 and NumPy is 2 or newer.
    """
    if _release(torch_version) < (2, 3) and _release(numpy_version) >= (2, ):
        raise ImportError(f'torch {torch_version} does not work with NumPy {numpy_version}: '
                          "pip install 'numpy<2' 'opencv-python<4.12', or a torch from 2.3 on")


def restore_numpy_sctypes() -> bool:
    """Put ``numpy.sctypes`` back, which NumPy 2 dropped and imgaug 0.4.0 reads when imported.

    Returns:
        bool: True if the attribute was missing and is now there.
    """
    if hasattr(np, 'sctypes'):
        return False
    np.sctypes = {
        'int': [np.int8, np.int16, np.int32, np.int64],
        'uint': [np.uint8, np.uint16, np.uint32, np.uint64],
        'float': [np.float16, np.float32, np.float64, np.longdouble],
        'complex': [np.complex64, np.complex128, np.clongdouble],
        'others': [bool, object, bytes, str, np.void],
    }
    return True


class MissingMMCVOpError(RuntimeError):
    """A compiled operator of mmcv was called where only mmcv-lite is installed."""


class MMCVExtPlaceholder(ModuleType):
    """Stand-in for ``mmcv._ext`` whose every function raises when it is *called*.

    ``mmcv.ops`` asks its extension for some 200 functions by name when it is imported, and
    MMDetection imports ``mmcv.ops``. Its spec has no loader, so that
    ``mmcv.utils.ext_loader.check_ops_exist`` and ``mmengine``'s ``mmcv_full_available`` keep
    answering that there are no operators.
    """

    def __init__(self) -> None:
        super().__init__(MMCV_EXT, 'Placeholder for the compiled operators of mmcv.')
        self.__spec__ = ModuleSpec(MMCV_EXT, loader=None, origin='mmocr_siga.compat.dependencies')
        self._functions: dict[str, Callable] = {}

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('_'):
            raise AttributeError(f'module {MMCV_EXT!r} has no attribute {name!r}')
        return self._functions.setdefault(name, _missing_op(name))


def _missing_op(name: str) -> Callable:

    def missing_op(*args, **kwargs):
        raise MissingMMCVOpError(
            f'the operator {name!r} needs full mmcv: the compiled operators of the mmcv package, '
            'which mmcv-lite does not carry. Replace it: pip uninstall -y mmcv-lite, then '
            f'{_FULL_HINT} (with a wheel, or a compiler, that fits your torch).')

    missing_op.__name__ = missing_op.__qualname__ = name
    return missing_op


def ensure_mmcv_ext() -> bool:
    """Register :class:`MMCVExtPlaceholder` as ``mmcv._ext`` if the compiled module is missing.

    Returns:
        bool: True if ``mmcv._ext`` is the placeholder, False if it is the compiled module.

    Raises:
        ImportError: If the compiled module is there but does not load, as when mmcv was built for
            another version of torch.
    """
    if isinstance(sys.modules.get(MMCV_EXT), MMCVExtPlaceholder):
        return True
    if MMCV_EXT not in sys.modules and importlib.util.find_spec(MMCV_EXT) is None:
        sys.modules[MMCV_EXT] = MMCVExtPlaceholder()
        return True
    import torch  # the extension links against torch's libraries, which must be loaded first
    try:
        importlib.import_module(MMCV_EXT)
    except ImportError as error:
        raise ImportError(
            f'the compiled operators of mmcv do not load with torch {torch.__version__}: {error}. '
            'Install an mmcv 2.0.x built for this torch, or go without its operators: '
            f'pip uninstall -y mmcv, then {_LITE_HINT}.') from error
    return False


def check_torchvision() -> None:
    """Import torchvision, which MMOCR needs, and explain the usual way in which that fails.

    Raises:
        ImportError: If torchvision is missing or was built for another torch.
    """
    hint = 'install torch and torchvision together, from one index, in one command'
    try:
        importlib.import_module('torchvision')
    except ImportError as error:
        raise ImportError(f'torchvision does not import ({error}): {hint}.') from error
    except RuntimeError as error:  # "operator torchvision::nms does not exist"
        raise ImportError(f'torchvision does not fit the installed torch ({error}): '
                          f'{hint}.') from error


def apply() -> None:
    """Run every check and repair of this module. Safe to call more than once.

    Raises:
        ImportError: See :func:`check_versions`, :func:`check_numpy`, :func:`check_torchvision` and
            :func:`ensure_mmcv_ext`.
    """
    check_versions()
    import torch
    check_numpy(torch.__version__, np.__version__)
    check_torchvision()
    restore_numpy_sctypes()
    ensure_mmcv_ext()
