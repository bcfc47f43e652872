"""Weights of one dictionary as the start of a recognizer with another."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ...text.dictionary import dictionary_characters
from .weights import WeightsMismatchError, class_axis, compare_weights


def transfer_dictionary(weights: Mapping[str, Tensor], model: nn.Module,
                        source: Sequence[str]) -> dict[str, Tensor]:
    """Weights of another dictionary as a state dict of a model: a warm start for other characters.

    Rows of classifiers and embeddings are taken from the same character, or from its other case; a
    character without either gets the mean of all. Both dictionaries must have the same special
    tokens.

    Args:
        weights: State dict of the same model with another dictionary.
        model: A recognizer with the wanted dictionary; not changed.
        source: Characters of the weights' dictionary, in order, without special tokens.

    Raises:
        WeightsMismatchError: If the weights differ from the model in more than the dictionary.
    """
    dictionary = model.decoder.dictionary
    known = dictionary_characters(dictionary)
    target = [character for character in dictionary.dict if character in known]
    special = dictionary.num_classes - len(target)
    index = {character: i for i, character in enumerate(source)}
    # Those without a source take the mean, which _moved puts after the last character.
    rows = [next((index[form] for form in (c, c.lower(), c.upper()) if form in index), len(source))
            for c in target]
    old = len(source) + special
    mismatch = compare_weights(model, weights, training_only=())
    if mismatch.missing or mismatch.unexpected:
        raise WeightsMismatchError(
            'the weights are of another model: '
            f'{(mismatch.missing + mismatch.unexpected)[:4]} are in one of the two only')
    out = dict(weights)
    for name, (given, own) in mismatch.shapes.items():
        axis, extra = class_axis(given, own, dictionary.num_classes) or (0, None)
        if extra is None or given[axis] != old + extra:
            raise WeightsMismatchError(
                f'{name} is {given} in the weights and {own} in the model: more differs than a '
                f'dictionary of {len(source)} characters from one of {len(rows)}')
        out[name] = _moved(weights[name], axis, rows, special + extra)
    return out


def _moved(tensor: Tensor, axis: int, rows: Sequence[int], tail: int) -> Tensor:
    """Take the rows of a tensor along an axis; the last ``tail`` ones stay last."""
    characters, special = tensor.split([tensor.shape[axis] - tail, tail], axis)
    mean = characters.mean(axis, keepdim=True)
    known = torch.cat([characters, mean], axis)
    chosen = known.index_select(axis, torch.tensor(rows, device=tensor.device))
    return torch.cat([chosen, special], axis)
