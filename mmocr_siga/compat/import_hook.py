"""Patches other packages right after their import, so that importing this package imports none."""
from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable

from .dependencies import check
from .patches import PATCHES


class _PatchingLoader:
    """A module's own loader, with the patches of that module after it."""

    def __init__(self, loader: Any, patched: Callable[[ModuleType], None]) -> None:
        self._loader, self._patched = loader, patched

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = module.__loader__ = self._loader
        if module.__name__ == 'mmocr':
            _aloud(check)
        self._loader.exec_module(module)
        _aloud(self._patched, module)


class _PatchFinder:
    """Stands first in ``sys.meta_path`` until every module that is to be patched was imported."""

    def __init__(self) -> None:
        self._waiting = {patch.module for patch in PATCHES} | {'mmocr'}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name not in self._waiting:
            return None
        others = (finder.find_spec(name, path, target)
                  for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, others), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _PatchingLoader(spec.loader, self.patch)
        return spec

    def patch(self, module: ModuleType) -> None:
        for patch in PATCHES:
            if patch.module == module.__name__:
                patch.apply(module)
        self._waiting.discard(module.__name__)
        if not self._waiting and self in sys.meta_path:
            sys.meta_path.remove(self)

    def patch_loaded(self) -> None:
        if 'mmocr' in sys.modules:
            check()
        for name in list(self._waiting):
            if name in sys.modules:
                self.patch(sys.modules[name])


def _aloud(function: Callable[..., None], *args: Any) -> None:
    """Call a function whose ImportError must be seen: MMEngine's registries go on after one."""
    try:
        function(*args)
    except ImportError as error:
        raise RuntimeError(str(error)) from error


def install() -> None:
    """Patch what is loaded, and the rest as soon as it is."""
    finder = _PatchFinder()
    sys.meta_path.insert(0, finder)
    finder.patch_loaded()
