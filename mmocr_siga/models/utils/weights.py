"""Weights into a recognizer, or a message that says why they do not fit it."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from ...text.dictionary import SHORT_NAMES, dictionary_characters

# Parts that reading does not need: they may be in the model and not in the weights, or vice versa.
TRAINING_ONLY = ('glyph_head.', 'decoder.module_loss.')
SHOWN = 4


class WeightsMismatchError(ValueError):
    """Weights are of another model or another dictionary."""


class Mismatch(NamedTuple):
    """How weights differ from what a model needs; all three are empty if they fit."""

    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]  # in the weights, in the model
    missing: list[str]  # tensors that only the model has
    unexpected: list[str]  # tensors that only the weights have


def weights_of(checkpoint: Any, source: str) -> dict[str, Tensor]:
    """The tensors in a checkpoint by their names, without a leading ``module.``.

    The checkpoint is a dict with ``state_dict``, or a state dict; ``source`` names its file in
    messages.

    Raises:
        ValueError: If it holds no weights where they are expected; says what it holds.
    """
    weights = checkpoint
    if isinstance(checkpoint, Mapping) and 'state_dict' in checkpoint:
        weights = checkpoint['state_dict']
    if not isinstance(weights, Mapping):
        raise ValueError(f'{source} holds no weights but {type(weights).__name__}')
    if not weights or not all(isinstance(value, Tensor) for value in weights.values()):
        hint = ''
        if isinstance(weights.get('net'), Mapping):
            hint = ("; with its weights under 'net' it is one of the reference's: convert it by "
                    'tools/convert_reference_weights.py')
        raise ValueError(f'{source} holds no state_dict; its keys are '
                         f'{[str(key) for key in list(weights)[:8]]}{hint}')
    if all(name.startswith('module.') for name in weights):
        return {name[len('module.'):]: value for name, value in weights.items()}
    return dict(weights)


def compare_weights(model: nn.Module, weights: Mapping[str, Tensor],
                    training_only: Sequence[str] = TRAINING_ONLY) -> Mismatch:
    """Compare weights with a model, leaving aside names that begin as ``training_only`` tells."""
    own, given = ({name: value for name, value in state.items()
                   if not name.startswith(tuple(training_only))}
                  for state in (model.state_dict(), weights))
    shapes = {name: (tuple(given[name].shape), tuple(value.shape)) for name, value in own.items()
              if name in given and given[name].shape != value.shape}
    # Old checkpoints lack this counter, which reading does not use.
    missing = [name for name in own
               if name not in given and not name.endswith('num_batches_tracked')]
    return Mismatch(shapes, missing, [name for name in given if name not in own])


def load_weights(model: nn.Module, source: str | os.PathLike,
                 training_only: Sequence[str] = TRAINING_ONLY,
                 parts: Mapping[str, str] | None = None) -> None:
    """Load the weights of a recognizer, in place; the file cannot run code.

    Args:
        source: Path or address of a checkpoint.
        training_only: Beginnings of names that may be missing or too many.
        parts: Prefix of the names in the model -> prefix in the file, '' for all: loads these parts
            alone, each of them whole.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no weights, or the model has no such part.
        WeightsMismatchError: If they are of another model or dictionary; tells what to use instead.
    """
    source = os.fspath(source)
    if '://' not in source and not os.path.isfile(os.path.expanduser(source)):
        raise FileNotFoundError(f'no weights at {source!r}')
    checkpoint = CheckpointLoader.load_checkpoint(source, map_location='cpu', logger='silent')
    weights = weights_of(checkpoint, source)
    if parts is not None:
        weights = _renamed(model, weights, parts)
    mismatch = compare_weights(model, weights, training_only)
    if parts is not None:
        wanted = tuple(map(_dotted, parts))
        mismatch = Mismatch(mismatch.shapes,
                            [name for name in mismatch.missing if name.startswith(wanted)], [])
    if any(mismatch):
        raise WeightsMismatchError(
            f'{source} does not fit the model. {_listed(mismatch)}'
            f'{_dictionary_advice(model, mismatch) or _model_advice(checkpoint)}')
    own = model.state_dict()
    model.load_state_dict(
        {name: value for name, value in weights.items()
         if name in own and own[name].shape == value.shape}, strict=False)


def _renamed(model: nn.Module, weights: Mapping[str, Tensor],
             parts: Mapping[str, str]) -> dict[str, Tensor]:
    """What the file has of the parts, under the model's names."""
    names = list(model.state_dict())
    for own in parts:
        if not any(name.startswith(_dotted(own)) for name in names):
            raise ValueError(f'the model has no part {own!r}: it holds '
                             f'{", ".join(dict.fromkeys(name.split(".")[0] for name in names))}')
    return {_dotted(own) + name[len(_dotted(theirs)):]: value for own, theirs in parts.items()
            for name, value in weights.items() if name.startswith(_dotted(theirs))}


def _dotted(prefix: str) -> str:
    return prefix and prefix.rstrip('.') + '.'


def class_axis(given: Sequence[int], own: Sequence[int], classes: int) -> tuple[int, int] | None:
    """The axis in which alone two shapes differ, if the model has its classes there, and how many
    tokens there are besides."""
    changed = [axis for axis, sizes in enumerate(zip(given, own)) if len(set(sizes)) > 1]
    if len(given) != len(own) or len(changed) != 1:
        return None
    # Embeddings know a start token besides the classes.
    extra = own[changed[0]] - classes
    return (changed[0], extra) if 0 <= extra <= 2 else None


def _listed(mismatch: Mismatch) -> str:
    """The first differences, a line each."""
    lines = [('tensors have another shape', [f'{name}: {given} in the weights, {own} in the model'
                                             for name, (given, own) in mismatch.shapes.items()]),
             ('tensors are not in the weights', mismatch.missing),
             ('tensors are not in the model', mismatch.unexpected)]
    out = ''
    for what, names in lines:
        if names:
            more = [f'... and {len(names) - SHOWN} more'] if len(names) > SHOWN else []
            out += '\n'.join([f'{len(names)} {what}:', *(f'  {n}' for n in names[:SHOWN] + more),
                              ''])
    return out


def _dictionary_advice(model: nn.Module, mismatch: Mismatch) -> str:
    """What to use instead if only the number of classes differs; else ''."""
    dictionary = getattr(getattr(model, 'decoder', None), 'dictionary', None)
    if dictionary is None or mismatch.missing or mismatch.unexpected:
        return ''
    classes = dictionary.num_classes
    axes = [class_axis(given, own, classes) for given, own in mismatch.shapes.values()]
    found = {given[axis[0]] - axis[1] if axis else None
             for (given, _), axis in zip(mismatch.shapes.values(), axes)}
    if len(found) != 1 or None in found:
        return ''
    characters = len(dictionary_characters(dictionary))
    other = found.pop() - classes + characters
    advice = (f"set SIGA_DICT={other}, or dict_file='{other}' ({SHORT_NAMES[str(other)]}), for "
              'the config' if str(other) in SHORT_NAMES else
              f'give the config the dictionary of {other} characters that they were trained with')
    return (f'The weights are of a dictionary of {other} characters, the config is of '
            f'{characters}: {advice}, or use weights trained with {characters} characters.')


def _model_advice(checkpoint: Any) -> str:
    """Which config the weights say they are of."""
    meta = checkpoint.get('meta') if isinstance(checkpoint, Mapping) else None
    name = meta.get('experiment_name') if isinstance(meta, Mapping) else None
    if not isinstance(name, str) or not name:
        return ('The weights are of another model: use the config that they were trained with, or '
                'weights of this one.')
    name = re.sub(r'_\d{8}_\d{6}$', '', name)
    return (f'The weights are of another model: they were saved by a run of {name}.py. Use that '
            'config, or weights of this one.')
