"""For torch 2.0 to 2.5 alone: a reader of pickles that finds and calls nothing but listed objects.

Their ``weights_only`` reader refuses to set the state of a ``HistoryBuffer`` or of a NumPy dtype,
and takes no names. Remove this file when torch 2.6 is the oldest one supported.
"""
from __future__ import annotations

import codecs
import pickle
from collections import Counter, OrderedDict
from types import SimpleNamespace
from typing import Any

import torch


class RefusedError(pickle.UnpicklingError):
    """Something in a pickle is not on the list."""


def restricted_pickle(allowed: dict[str, Any]) -> SimpleNamespace:
    """What ``torch.load`` takes as its ``pickle_module``: ``allowed`` is added to torch's list."""
    from torch._weights_only_unpickler import _get_allowed_globals
    listed = {
        **_get_allowed_globals(),
        # What newer ones have added to it.
        **{str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)},
        **{f'builtins.{kind.__name__}': kind for kind in (set, bytearray, complex)},
        'torch.device': torch.device,
        'torch._utils._rebuild_parameter_with_state': torch._utils._rebuild_parameter_with_state,
        'collections.OrderedDict': OrderedDict,
        'collections.Counter': Counter,
        # Protocol 2 writes bytes so; in no other codec.
        '_codecs.encode': lambda text, _='latin1': codecs.latin_1_encode(text)[0],
        **allowed,
    }
    unpickler = type('Unpickler', (_RestrictedUnpickler, ), dict(listed=listed))
    return SimpleNamespace(__name__=__name__, Unpickler=unpickler,
                           load=lambda file, **kwargs: unpickler(file, **kwargs).load())


class _RestrictedUnpickler(pickle._Unpickler):  # the C class does not let opcodes be replaced
    """Finds, calls, instantiates and fills objects of ``listed`` only."""

    listed: dict[str, Any]
    dispatch = dict(pickle._Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        if module == '__builtin__':  # the name in Python 2, which protocol 2 writes
            module = 'builtins'
        try:
            return self.listed[f'{module}.{name}']
        except KeyError:
            raise RefusedError(f"it names the Python object '{module}.{name}'") from None

    def _require(self, item: Any, action: str) -> None:
        if not any(item is listed for listed in self.listed.values()):
            raise RefusedError(f'it {action} {item!r}')

    def load_reduce(self) -> None:
        args, function = self.stack.pop(), self.stack[-1]
        self._require(function, 'calls')
        self.stack[-1] = function(*args)

    def load_newobj(self) -> None:
        args, cls = self.stack.pop(), self.stack[-1]
        self._require(cls, 'instantiates')
        self.stack[-1] = cls.__new__(cls, *args)

    def load_build(self) -> None:
        state, instance = self.stack.pop(), self.stack[-1]
        self._require(type(instance), 'sets the state of')
        if hasattr(instance, '__setstate__'):
            instance.__setstate__(state)
        else:
            instance.__dict__.update(state)

    def load_forbidden(self) -> None:
        raise RefusedError('it uses a pickle instruction that no checkpoint needs')

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.BUILD[0]] = load_build
    for _opcode in (pickle.INST, pickle.OBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2,
                    pickle.EXT4):
        dispatch[_opcode[0]] = load_forbidden
