from __future__ import annotations

import torch
from torch import Tensor

from ..layers.attention_refinement import exclusive_sums
from ..pseudo_labels.functional import check

__all__ = ['repeated_attention_loss']


def repeated_attention_loss(attention: Tensor, lengths: Tensor) -> Tensor:
    r"""Coverage loss of See et al. (*Get To The Point*, ACL 2017): what a step looks at again.

    .. math::
        \frac{1}{N} \sum_n \sum_{t < L_n} \sum_j \min\Big(\alpha_{tj}, \sum_{i < t} \alpha_{ij}\Big)

    The paper takes the mean over steps; here two steps that look at one place cost 1, however long
    the word is.

    >>> repeated_attention_loss(torch.tensor([[[1., 0.], [1., 0.], [0., 1.]]]), torch.tensor([3]))
    tensor(1.)

    Args:
        attention: (N, T, h, w), or (N, T, w).
        lengths: (N,) steps that count, of those that there are.
    """
    check(attention.dim() in (3, 4) and attention.is_floating_point(), 'attention', attention,
          'floating point of shape (N, T, h, w) or (N, T, w)')
    check(lengths.shape == attention.shape[:1], 'lengths', lengths,
          f'of shape (N,) = {(len(attention), )}')
    attention = attention.flatten(2)
    before = exclusive_sums(attention)
    repeated = torch.minimum(attention.to(before.dtype), before).sum(2)
    steps = torch.arange(attention.shape[1], device=attention.device)
    return (repeated * (steps < lengths[:, None])).sum(1).mean()
