"""A reader of pickles that finds and calls nothing but listed objects, whatever the torch.

torch's own ``weights_only`` reader differs by version: up to 2.5 it cannot read MMEngine's
checkpoints, and each of them calls classes that take memory by the gigabyte for a few bytes.
"""
from __future__ import annotations

import pickle
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Callable

# Many times what the largest checkpoints need; each makes at most a few hundred bytes.
MOST_INSTRUCTIONS = 1_000_000


class RefusedError(pickle.UnpicklingError):
    """Something in a pickle is not on the list, or is larger than the file."""


def restricted_pickle(named: Mapping[str, Any], called: Mapping[str, Callable],
                      filled: Callable[[Any, Any], None],
                      check_storage: Callable[[Any], None]) -> SimpleNamespace:
    """What ``torch.load`` takes as its ``pickle_module``.

    Args:
        named: Objects by their names in the pickle, which may be mentioned only.
        called: Those that may be called.
        filled: Sets the state of an object, or refuses.
        check_storage: Looks at what torch is asked for before it makes room for it.
    """
    kind = type('Unpickler', (_RestrictedUnpickler, ), dict(
        listed={**named, **called}, called=tuple(called.values()), filled=staticmethod(filled),
        check_storage=staticmethod(check_storage)))
    return SimpleNamespace(__name__=__name__, Unpickler=kind,
                           load=lambda file, **kwargs: kind(file, **kwargs).load())


class _Counted(dict):
    """Instructions by their codes; says so when too many were looked up."""

    left = MOST_INSTRUCTIONS

    def __getitem__(self, code: int) -> Callable:
        self.left -= 1
        if self.left < 0:
            raise RefusedError(f'it holds more than {MOST_INSTRUCTIONS:,} instructions')
        try:
            return super().__getitem__(code)
        except KeyError:
            raise RefusedError(
                f'it uses a pickle instruction that no checkpoint needs ({code:#x})') from None


class _RestrictedUnpickler(pickle._Unpickler):  # the C class does not let opcodes be replaced

    listed: Mapping[str, Any]
    called: tuple[Callable, ...]
    filled: Callable[[Any, Any], None]
    check_storage: Callable[[Any], None]

    def __init__(self, file: Any, **kwargs: Any) -> None:
        super().__init__(file, **kwargs)
        self.dispatch = _Counted(_DISPATCH)

    def find_class(self, module: str, name: str) -> Any:
        if module == '__builtin__':  # the name in Python 2, which protocol 2 writes
            module = 'builtins'
        try:
            return self.listed[f'{module}.{name}']
        except KeyError:
            raise RefusedError(f"it names the Python object '{module}.{name}'") from None

    def load_reduce(self) -> None:
        args, function = self.stack.pop(), self.stack[-1]
        if not any(function is one for one in self.called):
            raise RefusedError(f'it calls {function!r}')
        self.stack[-1] = function(*args)

    def load_build(self) -> None:
        state, instance = self.stack.pop(), self.stack[-1]
        self.filled(instance, state)

    def load_binpersid(self) -> None:
        self.check_storage(self.stack[-1])
        self.append(self.persistent_load(self.stack.pop()))


# NEWOBJ is what a class is called by that has no function for it.
_DISPATCH = {**pickle._Unpickler.dispatch,
             pickle.REDUCE[0]: _RestrictedUnpickler.load_reduce,
             pickle.NEWOBJ[0]: _RestrictedUnpickler.load_reduce,
             pickle.BUILD[0]: _RestrictedUnpickler.load_build,
             pickle.BINPERSID[0]: _RestrictedUnpickler.load_binpersid}
# Of old or new protocols, slow for long numbers, or making room before they read.
for _code in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4,
              pickle.PERSID, pickle.INT, pickle.LONG, pickle.BYTEARRAY8, pickle.NEXT_BUFFER,
              pickle.READONLY_BUFFER):
    del _DISPATCH[_code[0]]
