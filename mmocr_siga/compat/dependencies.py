"""The versions that fit each other, and stand-ins for what MMOCR's imports miss."""
from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, Callable, NamedTuple

MMCV_EXT = 'mmcv._ext'
_LITE_HINT = "pip install 'mmcv-lite==2.0.1'"
_FULL_HINT = "mim install 'mmcv>=2.0.0,<2.1.0'"


class Requirement(NamedTuple):
    """Versions of one package: names it is imported and installed by, the range, the remedy."""
    module: str
    distributions: tuple[str, ...]
    wanted: str
    hint: str


REQUIREMENTS = (
    Requirement('torch', ('torch', ), '>=2.0.0',
                "pip install 'torch>=2.0' torchvision (both in one command)"),
    Requirement('mmengine', ('mmengine', 'mmengine-lite'), '>=0.10.4, <0.11.0',
                "pip install 'mmengine==0.10.7'"),
    # MMDetection 3.1 refuses mmcv 2.1, and MMOCR 1.0 refuses MMDetection 3.2.
    Requirement('mmcv', ('mmcv', 'mmcv-lite', 'mmcv-full'), '>=2.0.0, <2.1.0',
                f'{_LITE_HINT} (recognition), or {_FULL_HINT} (all of MMDetection)'),
    Requirement('mmdet', ('mmdet', ), '>=3.0.0, <3.2.0', "pip install 'mmdet==3.1.0'"),
    Requirement('mmocr', ('mmocr', ), '>=1.0.0, <1.1.0', "pip install 'mmocr==1.0.1'"),
)


def installed_version(requirement: Requirement) -> str | None:
    """Version of a package, ``''`` if it tells none (a bare source tree), None if it is missing.

    It is read from the metadata: a package of a wrong version often raises when it is imported.
    """
    from importlib.metadata import PackageNotFoundError, version
    try:
        spec = importlib.util.find_spec(requirement.module)
    except ImportError:  # a finder of others refuses it
        spec = None
    if spec is None:
        return None
    for name in requirement.distributions:
        with contextlib.suppress(PackageNotFoundError):
            return version(name)
    return ''


def check_versions(requirements: Sequence[Requirement] = REQUIREMENTS,
                   lookup: Callable[[Requirement], str | None] = installed_version) -> None:
    """Raise an ImportError that names every package that is missing or outside its range, with the
    version found, the range wanted and the command to install it.
    """
    from packaging.specifiers import SpecifierSet
    problems = []
    for requirement in requirements:
        module, _, wanted, hint = requirement
        found = lookup(requirement)
        if found is None:
            problems.append(f'  {module} {wanted} is not installed: {hint}')
        elif found and not SpecifierSet(wanted).contains(found, prereleases=True):
            problems.append(f'  {module} {found} is installed, {wanted} is needed: {hint}')
    if problems:
        raise ImportError('\n'.join(['mmocr_siga cannot run with the packages found here:',
                                     *problems]))


def check_numpy(torch_version: str, numpy_version: str) -> None:
    """Raise an ImportError where torch was built for NumPy 1, as before 2.3, and NumPy is newer."""
    from packaging.version import Version
    if Version(torch_version) < Version('2.3') and Version(numpy_version) >= Version('2'):
        raise ImportError(f'torch {torch_version} does not work with NumPy {numpy_version}: '
                          "pip install 'numpy<2' 'opencv-python<4.12', or a torch from 2.3 on")


def check_torchvision() -> None:
    """Import torchvision, which MMOCR needs, and explain the usual way in which that fails."""
    try:
        importlib.import_module('torchvision')
    except (ImportError, RuntimeError) as error:  # "operator torchvision::nms does not exist"
        raise ImportError(f'torchvision is missing or does not fit the installed torch ({error}): '
                          'install torch and torchvision together, from one index, in one command.'
                          ) from error


def check() -> None:
    """Raise an ImportError that says what to install where MMOCR would not run."""
    check_versions()
    import numpy
    import torch
    check_numpy(torch.__version__, numpy.__version__)
    check_torchvision()


def import_component(module: str, asked_for: str | None = None) -> ModuleType:
    """Import a module of this package, and say what to do where PyTorch or MMOCR is missing."""
    if 'mmocr' not in sys.modules:
        try:
            check_versions()
        except ImportError as error:
            raise ImportError(
                f'{asked_for or module} needs PyTorch and MMOCR. {error}\nWithout them '
                'mmocr_siga.apis.ONNXRecognizer reads with exported recognizers.') from error
    return importlib.import_module(module)


def restore_numpy_sctypes(numpy: ModuleType) -> None:
    """Put ``numpy.sctypes`` back, which NumPy 2 dropped and imgaug 0.4.0 reads when imported."""
    if hasattr(numpy, 'sctypes'):
        return
    numpy.sctypes = {
        'int': [numpy.int8, numpy.int16, numpy.int32, numpy.int64],
        'uint': [numpy.uint8, numpy.uint16, numpy.uint32, numpy.uint64],
        'float': [numpy.float16, numpy.float32, numpy.float64, numpy.longdouble],
        'complex': [numpy.complex64, numpy.complex128, numpy.clongdouble],
        'others': [bool, object, bytes, str, numpy.void],
    }


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
        self.__spec__ = importlib.machinery.ModuleSpec(MMCV_EXT, loader=None, origin=__name__)

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('_'):
            raise AttributeError(f'module {MMCV_EXT!r} has no attribute {name!r}')

        def missing_op(*args: Any, **kwargs: Any) -> None:
            raise MissingMMCVOpError(
                f'the operator {name!r} needs full mmcv: the compiled operators of the mmcv '
                'package, which mmcv-lite does not carry. Replace it: pip uninstall -y mmcv-lite, '
                f'then {_FULL_HINT} (with a wheel, or a compiler, that fits your torch).')

        missing_op.__name__ = missing_op.__qualname__ = name
        setattr(self, name, missing_op)
        return missing_op


def ensure_mmcv_ext(mmcv: ModuleType) -> None:
    """Register :class:`MMCVExtPlaceholder` as ``mmcv._ext`` if the compiled module is missing.

    One that does not load, as when mmcv was built for another torch, is an ImportError.
    """
    if MMCV_EXT in sys.modules:
        return
    if importlib.util.find_spec(MMCV_EXT) is None:
        sys.modules[MMCV_EXT] = MMCVExtPlaceholder()
        return
    import torch  # the extension links against torch's libraries, which must be loaded first
    try:
        importlib.import_module(MMCV_EXT)
    except ImportError as error:
        raise ImportError(
            f'the compiled operators of mmcv do not load with torch {torch.__version__}: {error}. '
            'Install an mmcv 2.0.x built for this torch, or go without its operators: '
            f'pip uninstall -y mmcv, then {_LITE_HINT}.') from error
