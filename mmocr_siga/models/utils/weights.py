"""Weights into a recognizer, or a message that says why they do not fit it."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from ...compat.weights import (
    TRAINING_ONLY,
    Mismatch,
    WeightsMismatchError,
    compare_weights,
    weights_of,
)
from ...text.dictionary import SHORT_NAMES, dictionary_characters


def load_weights(model: nn.Module, source: str | os.PathLike,
                 training_only: Sequence[str] = TRAINING_ONLY,
                 parts: Mapping[str, str] | None = None) -> int:
    """Load the weights of a recognizer, in place; the file cannot run code. Returns how many
    tensors were taken.

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
            f'{source} does not fit the model. {mismatch}'
            f'{_dictionary_advice(model, mismatch) or _model_advice(checkpoint)}')
    own = model.state_dict()
    taken = {name: value for name, value in weights.items()
             if name in own and own[name].shape == value.shape}
    model.load_state_dict(taken, strict=False)
    return len(taken)


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
