"""Where a recognizer's feature map, classifier and attention are, seen by hooks for one call.

N batch, D channels, (h, w) the map that the attention reads, P = h * w positions, T steps, K
classes.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import get_ident
from typing import Any, NamedTuple, Union

import torch
from mmengine.model import BaseModule
from mmocr.registry import TASK_UTILS
from torch import Tensor, nn

from ..pseudo_labels.functional import at_least_float32


class Call(NamedTuple):
    """One call of a module: what it took and gave."""

    args: tuple
    kwargs: dict
    output: Any


Calls = Mapping[str, Sequence[Call]]


class FeatureHook:
    """A tensor that some module of a recognizer takes or gives.

    Args:
        path: Path of the module, as in ``named_modules``; a number in it may be negative.
        source: 'output' or 'input'.
        index: Which input (a position, or a keyword), or which element of the output (a position, a
            key or an attribute). None: the output itself, the first input.
    """

    def __init__(self, path: str, source: str = 'output', index: int | str | None = None) -> None:
        if source not in ('output', 'input'):
            raise ValueError(f"source must be 'output' or 'input', but is {source!r}")
        self.path = path
        self.source = source
        self.index = 0 if source == 'input' and index is None else index

    @classmethod
    def of(cls, spec: str | Mapping | FeatureHook) -> FeatureHook:
        if isinstance(spec, FeatureHook):
            return spec
        return cls(spec) if isinstance(spec, str) else cls(**spec)

    def __str__(self) -> str:
        index = '' if self.index is None else f'[{self.index!r}]'
        return f'{self.source}{index} of {self.path}'

    def read(self, calls: Calls) -> list[Tensor]:
        """The tensor in each call of the module."""
        if not calls.get(self.path):
            raise ValueError(f'the module {self.path!r} was not called: check the hooks')
        return [self.tensor(call) for call in calls[self.path]]

    def tensor(self, call: Call) -> Tensor:
        """The tensor of one call, or a ValueError if it has none."""
        held, index = self._held(call), self.index
        try:
            attribute = isinstance(index, str) and not isinstance(held, Mapping)
            value = held if index is None else (
                getattr(held, index) if attribute else held[index])
        except (KeyError, IndexError, AttributeError, TypeError):
            value = None
        if not isinstance(value, Tensor):
            raise ValueError(f'the {self} is no tensor ({type(held).__name__}): check the hooks')
        return value

    def replaced(self, call: Call, value: Tensor) -> Any:
        """What a hook returns to put a tensor in place: (args, kwargs), or the output."""
        held = value if self.index is None else _with(self._held(call), self.index, value)
        if self.source == 'output':
            return held
        return (call.args, held) if isinstance(self.index, str) else (held, call.kwargs)

    def _held(self, call: Call) -> Any:
        if self.source == 'output':
            return call.output
        return call.kwargs if isinstance(self.index, str) else call.args


def _with(held: Any, index: int | str, value: Tensor) -> Any:
    """A copy of a tuple, list, dict or named tuple with one element replaced."""
    if isinstance(held, Mapping):
        return dict(held, **{index: value})
    if isinstance(index, str):
        return held._replace(**{index: value})
    items = list(held)
    items[index] = value
    return type(held)(items) if type(held) in (tuple, list) else type(held)(*items)


Spec = Union[str, Mapping, FeatureHook]


@TASK_UTILS.register_module()
class FeatureHooks:
    """Finds feature map, classifier and attention of a recognizer by the paths of its modules.

    A hook is a path, whose module's output is meant, or a dict of the arguments of
    :class:`FeatureHook`.

    Args:
        feature: The map that the attention reads, (N, D, h, w), or a sequence (N, P, D).
        classifier: Path of a module that takes (..., D) to logits (..., K); of several, the mean.
        attention: The attention, as (N, T, h, w), (N, T, P) or, per head, (N, heads, T, P), the
            mean of whose heads is taken; if its module is called once a step, N * P numbers a call.
        scores: Whether the attention is still without its softmax over positions.
        mask_padding: Whether the recognizer leaves padding out of that softmax.
        skip_steps: Steps before that of the first character.
        size_like: A map (N, *, h, w) that tells the rows of a sequence, which has one otherwise.
        in_reading: Whether the attention can be seen in reading, too, as it is in training.
    """

    def __init__(self, feature: Spec, classifier: str | Sequence[str],
                 attention: Spec | None = None, scores: bool = False, mask_padding: bool = False,
                 skip_steps: int = 0, size_like: Spec | None = None,
                 dictionary: str = 'decoder.dictionary', in_reading: bool = False) -> None:
        self.feature_hook = FeatureHook.of(feature)
        self.classifiers = [classifier] if isinstance(classifier, str) else list(classifier)
        self.attention_hook = None if attention is None else FeatureHook.of(attention)
        self.scores = scores
        self.mask_padding = mask_padding
        self.skip_steps = skip_steps
        self.size_hook = None if size_like is None else FeatureHook.of(size_like)
        self.dictionary_path = dictionary
        self.in_reading = in_reading

    def check(self, recognizer: nn.Module) -> None:
        """Raise a ValueError that names what the recognizer does not have."""
        for path in (*self.paths(False), *self.classifiers):
            find_module(recognizer, path)

    def paths(self, attention: bool) -> list[str]:
        """Modules to watch, with that of the attention or without."""
        hooks = [self.feature_hook, self.size_hook]
        if attention:
            if self.attention_hook is None:
                raise ValueError('a plug-in needs the attention of the recognizer, and the hooks '
                                 'do not tell where it is: set attention in hooks')
            hooks.append(self.attention_hook)
        return [hook.path for hook in hooks if hook is not None]

    def as_map(self, value: Tensor, calls: Calls) -> Tensor:
        """A sequence (N, P, D) as a map; a map as it is."""
        if value.dim() == 4:
            return value
        if value.dim() != 3:
            raise ValueError(f'the {self.feature_hook} must be (N, D, h, w) or (N, P, D), but is '
                             f'{tuple(value.shape)}')
        size = 1, value.shape[1]
        if self.size_hook is not None:
            size = tuple(self.size_hook.read(calls)[-1].shape[-2:])
        if size[0] * size[1] != value.shape[1]:
            raise ValueError(f'the {self.feature_hook} has {value.shape[1]} positions and the '
                             f'{self.size_hook} is {size[0]} x {size[1]}: check the hooks')
        return value.transpose(1, 2).unflatten(2, size)

    def classify(self, recognizer: BaseModule, positions: Tensor) -> Tensor:
        """Logits (N, P, K) of feature vectors (N, P, D), by the recognizer's own classifier."""
        logits = []
        for path in self.classifiers:
            classifier = find_module(recognizer, path)
            wanted = getattr(classifier, 'in_features', positions.shape[-1])
            if wanted != positions.shape[-1]:
                raise ValueError(f'the classifier {path!r} takes {wanted} channels and the map '
                                 f'that the attention reads has {positions.shape[-1]}: build the '
                                 'recognizer with equal sizes')
            logits.append(classifier(positions))
        return logits[0] if len(logits) == 1 else torch.stack(logits).mean(0)

    def attention(self, recognizer: BaseModule, calls: Calls, size: tuple[int, int],
                  valid: Tensor | None) -> Tensor:
        """The attention of the steps that read characters, (N, T, h, w), over a map of ``size``
        whose padding ``valid`` (N, w) tells.
        """
        values = self.attention_hook.read(calls)
        maps = torch.cat([_as_maps(value, size, len(values) > 1) for value in values], 1)
        if self.scores:
            maps = at_least_float32(maps)
            if self.mask_padding and valid is not None:
                maps = maps.masked_fill(~valid[:, None, None], float('-inf'))
            maps = maps.flatten(2).softmax(-1).unflatten(2, size)
        return maps[:, self.skip_steps:]


def _as_maps(value: Tensor, size: tuple[int, int], one_step: bool) -> Tensor:
    """An attention in any of the shapes that :class:`FeatureHooks` lists, as (N, T, h, w)."""
    shape, positions = tuple(value.shape), size[0] * size[1]
    if value.numel() == len(value) * positions:
        return value.reshape(len(value), 1, *size)
    if value.dim() == 5 and shape[-1] == 1:
        value = value.squeeze(-1)
    if value.dim() == 4 and tuple(value.shape[-2:]) != tuple(size):
        value = value.mean(1)
    if value.dim() == 3 and value.shape[-1] == positions:
        value = value.unflatten(2, size)
    if one_step or value.dim() != 4 or tuple(value.shape[-2:]) != tuple(size):
        raise ValueError(f'an attention of shape {shape} does not fit a map of '
                         f'{size[0]} x {size[1]}: check the hooks')
    return value


def find_module(root: nn.Module, path: str) -> nn.Module:
    """A submodule by its path, or a ValueError that names what there is."""
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
def recorded(root: nn.Module, paths: Iterable[str], calls: dict[str, list[Call]]) -> Iterator[None]:
    """Write down the calls of modules for the time of the ``with`` block, in their order; those of
    this thread, as others may read with the same model."""
    thread = get_ident()

    def note(noted: list[Call], module: nn.Module, *call: Any) -> None:
        if get_ident() == thread:
            noted.append(Call(*call))

    with ExitStack() as stack:
        for path in dict.fromkeys(paths):
            calls[path] = noted = []
            handle = find_module(root, path).register_forward_hook(partial(note, noted),
                                                                   with_kwargs=True)
            stack.callback(handle.remove)
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """All modules in evaluation mode for the time of the block."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
