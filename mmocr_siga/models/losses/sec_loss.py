from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ..pseudo_labels.functional import at_least_float32, check

# Above it a probability is one minus the others'. More than a half: no two classes reach it.
_LIKELY = 0.6


def sec_loss(logits: Tensor, presence: Tensor, valid: Tensor | None = None,
             ignore_classes: Sequence[int] = (), pooling: str = 'noisy_or') -> Tensor:
    r"""Ask of all positions of a feature map together which characters a word has (spatial
    existence classification, Gu et al., ICPR 2020).

    With p the softmax over classes at every position, the probability that character k appears
    somewhere is pooled over the P positions that are valid, by ``pooling``:

    - 'noisy_or': :math:`q_k = 1 - \prod_i (1 - p_{ik})`, as if positions were independent;
    - 'max': :math:`q_k = \max_i p_{ik}`;
    - 'lse' or 'logsumexp': the smooth maximum of the log-odds,
      :math:`\frac{q_k}{1 - q_k} = \sum_i \frac{p_{ik}}{1 - p_{ik}}`.

    The loss is the binary cross-entropy of q against the presence, averaged over the classes that
    count and over the batch. The paper does not print how it pools: the three are our reading. All
    is computed from logarithms of p and of 1 - p, neither of which is taken by subtraction, so
    that value and gradient stay finite and exact where p rounds to 0 or 1.

    >>> sec_loss(torch.zeros(1, 1, 2), torch.tensor([[True, False]]))
    tensor(0.6931)

    Args:
        logits: (N, P, C), C > 1, of the recognizer's own classifier at P positions.
        presence: bool (N, C): which classes the word has, in any order and number.
        valid: bool (N, P), False on padding. A sample without a valid position contributes 0.
        ignore_classes: Classes that are not asked for: start, end, padding and unknown tokens.
            They stay in the softmax, which lets background be one of them. If all are ignored the
            loss is 0.
    """
    check(logits.dim() == 3 and logits.size(2) > 1 and logits.is_floating_point(), 'logits', logits,
          'floating point of shape (N, P, C) with C > 1')
    n, positions, classes = logits.shape
    check(presence.shape == (n, classes) and presence.dtype == torch.bool, 'presence', presence,
          f'bool of shape (N, C) = {(n, classes)}')
    check(valid is None or (valid.shape == (n, positions) and valid.dtype == torch.bool), 'valid',
          valid, f'bool of shape (N, P) = {(n, positions)}')
    outside = [index for index in ignore_classes if not 0 <= index < classes]
    if outside:
        raise ValueError(
            f'ignore_classes must lie between 0 and {classes - 1}, but holds {outside}')
    check_pooling(pooling)
    logits = at_least_float32(logits)
    counted = presence.new_ones(classes)
    for index in set(ignore_classes):
        counted[index] = False
    asked = classes - len(set(ignore_classes))
    if not (n and positions and asked):
        return 0 * logits.sum()
    weight = counted.expand(n, classes)
    if valid is not None:
        seen = valid.any(1, keepdim=True)
        weight = weight & seen
        valid = (valid | ~seen)[:, :, None]
    log_p = logits.log_softmax(2)
    log_present, log_absent = _POOLINGS[pooling](log_p, _log_complement(log_p), valid)
    losses = -torch.where(presence, log_present, log_absent)
    return losses.masked_fill(~weight, 0).sum() / (n * asked)


def check_pooling(pooling: str) -> None:
    """Raise ValueError unless ``pooling`` is one of :func:`sec_loss`."""
    if pooling not in _POOLINGS:
        raise ValueError(f'pooling must be one of {sorted(_POOLINGS)}, but is {pooling!r}')


def _log_complement(log_p: Tensor) -> Tensor:
    """log(1 - p) of log-probabilities over the last dimension, exact wherever p is."""
    likely = log_p > math.log(_LIKELY)
    others = log_p.masked_fill(likely, float('-inf')).logsumexp(-1, keepdim=True)
    # Where p is likely the other branch is fed 0, not a p of 1, whose gradient would be infinite.
    return torch.where(likely, others, torch.log1p(-log_p.exp().masked_fill(likely, 0)))


def _pool_noisy_or(log_p: Tensor, log_not: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    """Logarithms of q and 1 - q, (N, C) each, of those of p and 1 - p, (N, P, C)."""
    if valid is not None:
        log_p = log_p.masked_fill(~valid, float('-inf'))
        log_not = log_not.masked_fill(~valid, 0)
    log_absent = log_not.sum(1)
    eps = torch.finfo(log_p.dtype).eps
    # Below eps 1 - prod(1 - p) is sum(p) to rounding, and only its logarithm is sure not to vanish.
    small = log_absent > -eps
    log_present = torch.where(small, log_p.logsumexp(1),
                              torch.log(-torch.expm1(log_absent.clamp(max=-eps))))
    return log_present, log_absent


def _pool_max(log_p: Tensor, log_not: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    if valid is not None:
        log_p = log_p.masked_fill(~valid, float('-inf'))
        log_not = log_not.masked_fill(~valid, float('inf'))
    return log_p.amax(1), log_not.amin(1)


def _pool_lse(log_p: Tensor, log_not: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
    log_odds = log_p - log_not
    if valid is not None:
        log_odds = log_odds.masked_fill(~valid, float('-inf'))
    log_odds = log_odds.logsumexp(1)
    return F.logsigmoid(log_odds), F.logsigmoid(-log_odds)


_POOLINGS = dict(noisy_or=_pool_noisy_or, max=_pool_max, lse=_pool_lse, logsumexp=_pool_lse)
