from collections.abc import Sequence
from math import ceil
from typing import Optional, Union

import torch
from mmocr.structures import TextRecogDataSample
from torch import Tensor
from torch.nn import functional as F

from ...structures.words import IGNORE_INDEX, WordTargets


def word_targets(data_samples: Sequence[TextRecogDataSample], end_idx: int, start_idx: int,
                 max_seq_len: int, device: torch.device) -> WordTargets:
    """Build decoder inputs and targets from the ``gt_text.indexes`` that a module loss's
    ``get_targets`` has made; ValueError where there are none.

    A label longer than ``max_seq_len`` is cut, and its end token is not asked for, because the word
    does not end there.
    """
    return targets_of_labels(_labels(data_samples), end_idx, start_idx, max_seq_len, device)


def targets_of_labels(labels: Sequence[Sequence[int]], end_idx: int, start_idx: int,
                      max_seq_len: int, device: torch.device) -> WordTargets:
    """The same of lists of classes."""
    lengths = [min(len(label), max_seq_len) for label in labels]
    steps = max(lengths, default=0) + 1
    tokens, targets = [], []
    for label, length in zip(labels, lengths):
        body = list(label[:length])
        end = [end_idx] if len(label) <= max_seq_len else [IGNORE_INDEX]
        padding = steps - length - 1
        tokens.append([start_idx] + body + [end_idx] * padding)
        targets.append(body + end + [IGNORE_INDEX] * padding)
    packed = to_device(torch.tensor([tokens, targets]), device)
    lengths = torch.tensor(lengths, dtype=torch.long)
    return WordTargets(packed[0], packed[1], to_device(lengths, device), steps)


def word_lengths(data_samples: Sequence[TextRecogDataSample], max_seq_len: int,
                 device: torch.device) -> Tensor:
    """Characters of each word, (N,), at most ``max_seq_len``."""
    lengths = [min(len(label), max_seq_len) for label in _labels(data_samples)]
    return to_device(torch.tensor(lengths, dtype=torch.long), device)


def character_presence(data_samples: Sequence[TextRecogDataSample], num_classes: int,
                       device: torch.device) -> Tensor:
    """Which classes occur in each word, (N, K) bool, whole words however long."""
    labels = _labels(data_samples)
    highest = max((max(label) for label in labels if label), default=0)
    if highest >= num_classes:
        raise ValueError(f'the labels hold class {highest}, but the classifier has {num_classes} '
                         'classes: check that it belongs to the dictionary')
    presence = torch.zeros(len(labels), num_classes, dtype=torch.bool)
    for row, label in zip(presence, labels):
        row[label] = True
    return to_device(presence, device)


def _labels(data_samples: Sequence[TextRecogDataSample]) -> list[list[int]]:
    labels = []
    for i, sample in enumerate(data_samples):
        if 'gt_text' not in sample or 'indexes' not in sample.gt_text:
            raise ValueError(f"sample {i} has no gt_text.indexes: call the module loss's "
                             'get_targets first, and check that the pipeline loads the text')
        labels.append(sample.gt_text.indexes.tolist())
    return labels


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """One copy that the host does not wait for."""
    if device.type == 'cuda' and tensor.device.type == 'cpu':
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def targets_of_all_steps(targets: Tensor, lengths: Tensor, end_idx: int, steps: int) -> Tensor:
    """Targets (N, T') and lengths (N,) as in :class:`WordTargets` -> targets (N, ``steps``) that
    ask for the end token at every step after a word. A word that was cut still does not end."""
    padded = F.pad(targets, (0, steps - targets.shape[1]), value=end_idx)
    after = torch.arange(steps, device=targets.device) > lengths[:, None]
    return padded.masked_fill(after, end_idx)


def word_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of logits (N, T, K) and targets (N, T), mean over the characters and end tokens
    of the batch."""
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(),
                           ignore_index=IGNORE_INDEX)


def valid_columns(data_samples: Union[Sequence[TextRecogDataSample], Tensor, None], width: int,
                  device: torch.device) -> Optional[Tensor]:
    """Which columns of a map show the image and not its padding, by the samples' ``valid_ratio`` or
    the ratios (N,) themselves: (N, width) bool, or None where no sample is padded."""
    # A column of which no thousandth is shown is a matter of rounding: 25 * 0.28 > 7.
    if isinstance(data_samples, Tensor):
        columns = (data_samples * width - 1e-3).ceil().clamp(min=1)
        return torch.arange(width, device=device) < columns[:, None]
    if not data_samples:
        return None
    ratios = [float(sample.get('valid_ratio', 1.0)) for sample in data_samples]
    if min(ratios) >= 1.0:
        return None
    columns = torch.tensor([max(1, min(width, ceil(width * ratio - 1e-3))) for ratio in ratios])
    return to_device(torch.arange(width) < columns[:, None], device)
