from __future__ import annotations

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..pseudo_labels.functional import (
    at_least_float32,
    check_attention,
    check_foreground,
    check_lengths,
    resize_attention,
    resize_valid,
    step_mask,
    zeros_and_ones,
)

# Slope and center of the sigmoid that binarizes attention.
_STEEPNESS = 70.0
_CENTER = 0.1
# Attention is never negative, so one step alone covers 1 / (1 + e^7) = 9e-4 of its columns: far
# above this floor, which therefore bends the loss of no word that has characters.
_PROBABILITY_FLOOR = 1e-6


def orthogonality_loss(attention: Tensor, lengths: Tensor, reduction: str = 'mean') -> Tensor:
    r"""Keep the steps of a word from attending to the same columns (SIGA, section 3.2).

    .. math::
        \frac{1}{L} \sum_{i<j\le L} \sum_{w=1}^{W} (\beta_{iw} \beta_{jw})^2

    computed without pairs, since
    :math:`\sum_{i<j} (a_i a_j)^2 = \frac12 [(\sum_i a_i^2)^2 - \sum_i a_i^4]`.

    >>> orthogonality_loss(torch.full((1, 2, 4), 0.25), torch.tensor([2]))
    tensor(0.0078)

    Args:
        attention: (N, T, W) at image width, 0 on padding (see :func:`resize_attention`).
        lengths: (N,); a word without characters contributes 0.
        reduction: 'none' gives (N,), 'mean' and 'sum' reduce over the batch.
    """
    check_attention(attention)
    check_lengths(lengths, attention)
    if reduction not in ('none', 'mean', 'sum'):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', but is {reduction!r}")
    steps = attention.size(1)
    outside = ~step_mask(lengths, steps)
    squares = at_least_float32(attention).masked_fill(outside[:, :, None], 0).square()
    pairs = squares.sum(1).square() - squares.square().sum(1)
    loss = 0.5 * pairs.sum(1) / lengths.clamp(1, max(steps, 1))
    return loss if reduction == 'none' else getattr(loss, reduction)()


def coverage_loss(attention: Tensor, foreground: Tensor, lengths: Tensor,
                  reference: bool = False, valid: Tensor | None = None) -> Tensor:
    r"""Have the steps of a word cover its text together (SIGA, section 3.2).

    With :math:`\sigma_{tw} = 1 / (1 + e^{-70 (\beta_{tw} - 0.1)})` and
    :math:`M_{hw} = \min(1, \sum_{t \le L} \sigma_{tw} S_{hw})` the cross-entropy of the
    probabilities :math:`[1 - M, M]` against the foreground :math:`S`, averaged over pixels and
    samples. Probabilities below 1e-6 count as 1e-6, which keeps value and gradient finite.

    >>> coverage_loss(torch.full((1, 1, 4), 0.1), torch.ones(1, 2, 4), torch.tensor([1]))
    tensor(0.6931)

    Args:
        attention: (N, T, W) at image width.
        foreground: Text mask (N, H, W), bool or floating point in {0, 1}; no gradient reaches it.
            (Values between enter M as they are and the target binarized at 0.5.)
        lengths: (N,). No step could cover a word without characters: it contributes 0.
        reference: Feed :math:`[1 - M, M]` as logits into a cross-entropy that takes a softmax
            again, as the released implementation of the paper does: the loss then lies between
            0.313 and 1.313, and so it does for a word without characters.
    """
    check_attention(attention)
    check_foreground(foreground, attention)
    check_lengths(lengths, attention)
    if foreground.size(2) != attention.size(2):
        raise ValueError('attention and foreground must have the same width, but have '
                         f'{attention.size(2)} and {foreground.size(2)}; see resize_attention')
    outside = ~step_mask(lengths, attention.size(1))
    attention = at_least_float32(attention).masked_fill(outside[:, :, None], float('-inf'))
    covered = torch.sigmoid(_STEEPNESS * (attention - _CENTER)).sum(1)
    cost = _softmaxed_cost if reference else _cost
    if foreground.dtype == torch.bool:
        # All text of a column has the same probability, and background has 1.
        share = zeros_and_ones(foreground, covered.dtype).mean(1)
        loss = share * cost(covered.clamp(0, 1)) + (1 - share) * cost(covered.new_ones(()))
    else:
        foreground = foreground.detach()
        joint = (covered[:, None] * foreground).clamp(0, 1)
        loss = cost(torch.where(foreground > 0.5, joint, 1 - joint)).mean(1)
    loss = column_mean(loss, valid)
    return loss.mean() if reference else loss.masked_fill(lengths < 1, 0).mean()


def _cost(probability: Tensor) -> Tensor:
    return -probability.clamp(min=_PROBABILITY_FLOOR).log()


def _softmaxed_cost(probability: Tensor) -> Tensor:
    """Cross-entropy of the *logits* (p, 1 - p) against the first of them."""
    return -F.logsigmoid(2 * probability - 1)


def column_mean(values: Tensor, valid: Tensor | None) -> Tensor:
    """Mean of the columns (N, W) that show the word: (N,)."""
    if valid is None:
        return values.mean(1)
    valid = resize_valid(valid, values.size(1))
    return values.masked_fill(~valid, 0).sum(1) / valid.sum(1).clamp(min=1)


@MODELS.register_module()
class AlignmentLoss(nn.Module):
    """Orthogonality and coverage of an implicit attention (SIGA, CVPR 2023); with ``reference``,
    the sum of the one over the batch and the double softmax in the other, as the reference has
    them."""

    def __init__(self, loss_weight: float = 1.0, reference: bool = False) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.reference = reference

    def forward(self, attention: Tensor, foreground: Tensor, lengths: Tensor,
                valid: Tensor | None = None) -> dict[str, Tensor]:
        """Both terms of attention (N, T, any width) and foreground (N, H, W), detached."""
        attention = resize_attention(attention, foreground.shape[-1], valid)
        orthogonality = orthogonality_loss(attention, lengths, 'sum' if self.reference else 'mean')
        coverage = coverage_loss(attention, foreground, lengths, self.reference, valid)
        return dict(loss_orthogonality=self.loss_weight * orthogonality,
                    loss_coverage=self.loss_weight * coverage)
