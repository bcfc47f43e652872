"""Weights into a recogniser, or a message that says why they do not fit it."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from ...text.dictionary import SHORT_NAMES, dictionary_characters

__all__ = ['Mismatch', 'WeightsMismatchError', 'compare_weights', 'load_weights', 'weights_of']

# Parts that reading does not need: they may be in the model and not in the weights, or vice versa.
TRAINING_ONLY = ('glyph_head.', 'decoder.module_loss.')
SHOWN = 4


class WeightsMismatchError(ValueError):
    """Weights are of another model or another dictionary."""


class Mismatch(NamedTuple):
    """How weights differ from what a model needs to read.

    Attributes:
        shapes (dict[str, tuple]): Tensors of another shape: (shape in the weights, in the model).
        missing (list[str]): Tensors that only the model has.
        unexpected (list[str]): Tensors that only the weights have.
    """
    shapes: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    missing: list[str]
    unexpected: list[str]


def weights_of(checkpoint: Any, source: str) -> dict[str, Tensor]:
    """The state dict in a checkpoint.

    Args:
        checkpoint (Any): What a checkpoint file held: a dict with ``state_dict``, or a state dict.
        source (str): Name of the file, for messages.

    Returns:
        dict[str, Tensor]: Tensors by their names, without a leading ``module.``.

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
    """Compare weights with a model, but for what only training needs.

    Args:
        model (nn.Module): The model.
        weights (Mapping[str, Tensor]): Tensors by their names.
        training_only (Sequence[str]): Beginnings of names that are left aside.

    Returns:
        Mismatch: The differences; all three are empty if the weights fit.
    """
    own = {name: value for name, value in model.state_dict().items()
           if not name.startswith(tuple(training_only))}
    given = {name: value for name, value in weights.items()
             if not name.startswith(tuple(training_only))}
    shapes = {name: (tuple(given[name].shape), tuple(value.shape)) for name, value in own.items()
              if name in given and given[name].shape != value.shape}
    # Old checkpoints lack this counter, which reading does not use.
    missing = [name for name in own
               if name not in given and not name.endswith('num_batches_tracked')]
    return Mismatch(shapes, missing, [name for name in given if name not in own])


def load_weights(model: nn.Module, source: str | os.PathLike,
                 training_only: Sequence[str] = TRAINING_ONLY) -> None:
    """Load all weights that a recogniser reads with; the file cannot run code.

    Args:
        model (nn.Module): The recogniser; it is changed in place.
        source (str or PathLike): Path or address of a checkpoint.
        training_only (Sequence[str]): Beginnings of names that may be missing or too many.
            Defaults to SIGA's training head and the losses.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no weights.
        WeightsMismatchError: If the weights are of another model or dictionary; names the first
            tensors that differ and what to use instead.
    """
    source = os.fspath(source)
    if '://' not in source and not os.path.isfile(os.path.expanduser(source)):
        raise FileNotFoundError(f'no weights at {source!r}')
    checkpoint = CheckpointLoader.load_checkpoint(source, map_location='cpu', logger='silent')
    weights = weights_of(checkpoint, source)
    mismatch = compare_weights(model, weights, training_only)
    if any(mismatch):
        raise WeightsMismatchError(
            f'{source} does not fit the model. {_listed(mismatch)}'
            f'{_dictionary_advice(model, mismatch) or _model_advice(checkpoint)}')
    own = model.state_dict()
    model.load_state_dict(
        {name: value for name, value in weights.items()
         if name in own and own[name].shape == value.shape}, strict=False)


def _listed(mismatch: Mismatch) -> str:
    """The first differences, a line each."""
    lines = [(f'{len(mismatch.shapes)} tensors have another shape',
              [f'{name}: {given} in the weights, {own} in the model'
               for name, (given, own) in mismatch.shapes.items()]),
             (f'{len(mismatch.missing)} tensors are not in the weights', mismatch.missing),
             (f'{len(mismatch.unexpected)} tensors are not in the model', mismatch.unexpected)]
    out = ''
    for head, names in lines:
        if names:
            more = [f'... and {len(names) - SHOWN} more'] if len(names) > SHOWN else []
            out += '\n'.join([f'{head}:', *(f'  {n}' for n in names[:SHOWN] + more), ''])
    return out


def _dictionary_advice(model: nn.Module, mismatch: Mismatch) -> str:
    """What to use instead if only the number of classes differs; else ''."""
    dictionary = getattr(getattr(model, 'decoder', None), 'dictionary', None)
    if dictionary is None or mismatch.missing or mismatch.unexpected:
        return ''
    classes = dictionary.num_classes
    found = set()
    for given, own in mismatch.shapes.values():
        changed = [(g, o) for g, o in zip(given, own) if g != o]
        if len(given) != len(own) or len(changed) != 1:
            return ''
        # Embeddings know a start token besides the classes.
        found.add(changed[0][0] - (changed[0][1] - classes))
        if not classes <= changed[0][1] <= classes + 2:
            return ''
    if len(found) != 1:
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
    if isinstance(name, str) and name:
        name = re.sub(r'_\d{8}_\d{6}$', '', name)
        return (f'The weights are of another model: they were saved by a run of {name}.py. Use '
                'that config, or weights of this one.')
    return ('The weights are of another model: use the config that they were trained with, or '
            'weights of this one.')
