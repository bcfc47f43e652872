"""Where inside a recogniser a tensor is found, and how it is watched for the time of one call."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn


class Call(NamedTuple):
    """One call of a module: what it took and gave."""

    args: tuple
    kwargs: dict
    output: Any


class Site:
    """A tensor that some module of a recogniser takes or gives.

    Args:
        path (str): Path of the module, as in ``named_modules``; a number in it may be negative:
            ``'decoder.layer_stack.-1.enc_attn'``.
        source (str): 'output' or 'input'. Defaults to 'output'.
        index (int or str, optional): Which input (a position, or a keyword), or which element of
            the output (a position, a key or an attribute). Defaults to None: the output itself, the
            first input.

    Raises:
        ValueError: If ``source`` is something else.
    """

    def __init__(self, path: str, source: str = 'output', index: int | str | None = None) -> None:
        if source not in ('output', 'input'):
            raise ValueError(f"source must be 'output' or 'input', but is {source!r}")
        self.path = path
        self.source = source
        self.index = 0 if source == 'input' and index is None else index

    @classmethod
    def of(cls, spec: str | Mapping | Site) -> Site:
        """A site from a config: a path, or a dict of the arguments."""
        if isinstance(spec, Site):
            return spec
        return cls(spec) if isinstance(spec, str) else cls(**spec)

    def __repr__(self) -> str:
        index = '' if self.index is None else f'[{self.index!r}]'
        return f'{self.source}{index} of {self.path}'

    def read(self, call: Call) -> Tensor:
        """The tensor.

        Raises:
            ValueError: If the call has no such tensor.
        """
        held, index = call.output, self.index
        if self.source == 'input':
            held = call.kwargs if isinstance(index, str) else call.args
        try:
            if index is None:
                value = held
            elif isinstance(index, str) and not isinstance(held, Mapping):
                value = getattr(held, index)
            else:
                value = held[index]
        except (KeyError, IndexError, AttributeError, TypeError):
            value = None
        if not isinstance(value, Tensor):
            raise ValueError(f'the {self} is no tensor ({type(held).__name__}): check the tap')
        return value

    def replaced(self, call: Call, value: Tensor) -> Any:
        """What a hook returns to put a tensor in place: (args, kwargs), or the output."""
        if self.source == 'output':
            return value if self.index is None else _with(call.output, self.index, value)
        if isinstance(self.index, str):
            return call.args, dict(call.kwargs, **{self.index: value})
        return _with(call.args, self.index, value), call.kwargs


def _with(held: Any, index: int | str, value: Tensor) -> Any:
    """A copy of a tuple, list, dict or named tuple with one element replaced."""
    if isinstance(index, str):
        is_dict = isinstance(held, Mapping)
        return dict(held, **{index: value}) if is_dict else held._replace(**{index: value})
    items = list(held)
    items[index] = value
    return type(held)(items) if type(held) in (tuple, list) else type(held)(*items)


def find_module(root: nn.Module, path: str) -> nn.Module:
    """A submodule by its path.

    Args:
        root (nn.Module): A recogniser.
        path (str): See :class:`Site`.

    Raises:
        ValueError: If there is none; names what there is.
    """
    module = root
    for part in path.split('.'):
        children = dict(module.named_children())
        if part.startswith('-') and isinstance(module, (nn.ModuleList, nn.Sequential)):
            part = str(len(module) + int(part))
        if part not in children:
            raise ValueError(f'{type(root).__name__} has no module {path!r}: '
                             f'{type(module).__name__} holds {", ".join(children) or "none"}')
        module = children[part]
    return module


@contextmanager
def recorded(root: nn.Module, paths: Iterable[str],
             calls: dict[str, list[Call]]) -> Iterator[None]:
    """Write down the calls of modules for the time of the ``with`` block.

    Args:
        root (nn.Module): A recogniser.
        paths (Iterable[str]): Paths of modules.
        calls (dict): Filled with the calls of each path, in their order.
    """
    handles = []
    try:
        for path in dict.fromkeys(paths):
            calls[path] = []

            def note(module: nn.Module, args: tuple, kwargs: dict, output: Any,
                     noted: list = calls[path]) -> None:
                noted.append(Call(args, kwargs, output))

            handles.append(find_module(root, path).register_forward_hook(note, with_kwargs=True))
        yield
    finally:
        remove(handles)


def remove(handles: Sequence) -> None:
    """Take hooks away."""
    for handle in handles:
        handle.remove()
