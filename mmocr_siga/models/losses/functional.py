"""Losses of self-supervised implicit glyph attention as pure functions.

Letters used throughout: N images in a batch, (H, W) image height and width, (h, w) height and
width of a feature map, T decoding steps, L characters of a word (the end of sequence not
counted).

No function loops over samples, steps or pairs of steps, or makes the host wait for the device.
All of them compute in float32 (float64 for float64 input) under autocast too, and give a sample
the same loss alone and in any batch. Formulas: Guan et al., *Self-supervised Implicit Glyph
Attention for Text Recognition*, CVPR 2023 (arXiv 2203.03382); :func:`sec_loss`: Gu et al., *Weakly
Supervised Attention Rectification for Scene Text Recognition*, ICPR 2020.
"""
from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..pseudo_labels.functional import (
    as_bytes,
    at_least_float32,
    check_attention,
    check_foreground,
    check_lengths,
    resize_attention,
    step_mask,
    zeros_and_ones,
)

__all__ = [
    'coverage_loss', 'glyph_loss', 'orthogonality_loss', 'resize_attention', 'sec_loss',
    'text_mask_loss'
]

# Slope and centre of the sigmoid that binarises attention.
_STEEPNESS = 70.0
_CENTRE = 0.1
# Attention is never negative, so one step alone covers 1 / (1 + e^7) = 9e-4 of its columns: far
# above this floor, which therefore bends the loss of no word that has characters.
_PROBABILITY_FLOOR = 1e-6
_DICE_SMOOTH = 1.0
# Above it a probability is one minus the others'. More than a half: no two classes reach it.
_LIKELY = 0.6


def orthogonality_loss(attention: Tensor, lengths: Tensor, reduction: str = 'mean') -> Tensor:
    r"""Keep the steps of a word from attending to the same columns.

    .. math::
        \frac{1}{L} \sum_{i<j\le L} \sum_{w=1}^{W} (\beta_{iw} \beta_{jw})^2

    computed without pairs, since
    :math:`\sum_{i<j} (a_i a_j)^2 = \frac12 [(\sum_i a_i^2)^2 - \sum_i a_i^4]`.

    Args:
        attention (Tensor): Attention of shape :math:`(N, T, W)` at image width (see
            :func:`resize_attention`).
        lengths (Tensor): Characters of each word, integers of shape :math:`(N,)`, without the
            end of sequence. Clamped to [0, T]; a word without characters contributes 0.
        reduction (str): 'none' gives shape :math:`(N,)`, 'mean' and 'sum' reduce over the batch.
            Defaults to 'mean'.

    Returns:
        Tensor: The loss.

    Raises:
        ValueError: If a shape, dtype or ``reduction`` is another.

    Source: SIGA, section 3.2.
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


def coverage_loss(attention: Tensor,
                  foreground: Tensor,
                  lengths: Tensor,
                  reference: bool = False) -> Tensor:
    r"""Have the steps of a word cover its text together.

    With :math:`\sigma_{tw} = 1 / (1 + e^{-70 (\beta_{tw} - 0.1)})` and
    :math:`M_{hw} = \min(1, \sum_{t \le L} \sigma_{tw} S_{hw})` the cross-entropy of the
    probabilities :math:`[1 - M, M]` against the foreground :math:`S`, averaged over pixels and
    samples. Probabilities below 1e-6 count as 1e-6, which keeps value and gradient finite.

    Args:
        attention (Tensor): Attention of shape :math:`(N, T, W)` at image width.
        foreground (Tensor): Text mask of shape :math:`(N, H, W)`, bool or floating point in
            {0, 1}; no gradient reaches it. (Values between enter M as they are and the target
            binarised at 0.5.)
        lengths (Tensor): Characters of each word, integers of shape :math:`(N,)`, without the
            end of sequence. Clamped to [0, T]. No step could cover a word without characters: it
            contributes 0.
        reference (bool): Feed :math:`[1 - M, M]` as logits into a cross-entropy that takes a
            softmax again, as the released implementation of the paper does: the loss then lies
            between 0.313 and 1.313, and so it does for a word without characters. Defaults to
            False.

    Returns:
        Tensor: The loss, a scalar.

    Raises:
        ValueError: If a shape or dtype is another.

    Source: SIGA, section 3.2.
    """
    check_attention(attention)
    check_foreground(foreground, attention)
    check_lengths(lengths, attention)
    if foreground.size(2) != attention.size(2):
        raise ValueError('attention and foreground must have the same width, but have '
                         f'{attention.size(2)} and {foreground.size(2)}; see resize_attention')
    outside = ~step_mask(lengths, attention.size(1))
    attention = at_least_float32(attention).masked_fill(outside[:, :, None], float('-inf'))
    covered = torch.sigmoid(_STEEPNESS * (attention - _CENTRE)).sum(1)
    cost = _softmaxed_cost if reference else _cost
    if foreground.dtype == torch.bool:
        # All text of a column has the same probability, and background has 1.
        share = zeros_and_ones(foreground, covered.dtype).mean(1)
        loss = share * cost(covered.clamp(0, 1)) + (1 - share) * cost(covered.new_ones(()))
        loss = loss.mean(1)
    else:
        foreground = foreground.detach()
        joint = (covered[:, None] * foreground).clamp(0, 1)
        loss = cost(torch.where(foreground > 0.5, joint, 1 - joint)).mean((1, 2))
    return loss.mean() if reference else loss.masked_fill(lengths < 1, 0).mean()


def _cost(probability: Tensor) -> Tensor:
    return -probability.clamp(min=_PROBABILITY_FLOOR).log()


def _softmaxed_cost(probability: Tensor) -> Tensor:
    """Cross-entropy of the *logits* (p, 1 - p) against the first of them."""
    return -F.logsigmoid(2 * probability - 1)


def text_mask_loss(logits: Tensor,
                   mask: Tensor,
                   ignore_above: float | None = None,
                   reference: bool = False) -> Tensor:
    """Cross-entropy of a text segmentation against the mask pseudo-label.

    Args:
        logits (Tensor): Logits of shape :math:`(N, 2, H, W)`; channel 1 is text.
        mask (Tensor): bool of shape :math:`(N, H, W)`, True on text.
        ignore_above (float, optional): Samples whose loss (the mean over pixels) reaches it are
            left out, since late in training their pseudo-label is more likely wrong than the
            segmentation. Defaults to None: all count.
        reference (bool): Take the softmax twice, as the released implementation of the paper
            does: a sample's loss then lies between 0.313 and 1.313. Defaults to False.

    Returns:
        Tensor: The mean over the samples that count, a scalar; 0 if none does.

    Raises:
        ValueError: If a shape or dtype is another.

    Source: SIGA, section 3.1.
    """
    if logits.dim() != 4 or logits.size(1) != 2 or not logits.is_floating_point():
        raise ValueError('logits must be floating point of shape (N, 2, H, W), but is '
                         f'{logits.dtype} of shape {tuple(logits.shape)}')
    if mask.shape != (logits.size(0), *logits.shape[2:]) or mask.dtype != torch.bool:
        raise ValueError('mask must be bool of shape (N, H, W) = '
                         f'{(logits.size(0), *logits.shape[2:])}, but is {mask.dtype} of shape '
                         f'{tuple(mask.shape)}')
    logits = at_least_float32(logits)
    # A softmax over two channels is a sigmoid of their difference.
    background, text = logits.unbind(1)
    margin = text - background
    if reference:
        margin = torch.tanh(margin / 2)
    sign = 2 * zeros_and_ones(mask, margin.dtype) - 1
    losses = -F.logsigmoid(sign * margin).mean((1, 2))
    if ignore_above is None:
        return losses.mean()
    # Not `losses < ignore_above`: a NaN is to be seen, not left out.
    ignored = losses >= ignore_above
    return losses.masked_fill(ignored, 0).sum() / (~ignored).sum().clamp(min=1)


def glyph_loss(logits: Tensor, labels: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    r"""Cross-entropy and Dice loss of glyph maps against glyph pseudo-labels.

    The cross-entropy takes the lowest channel that claims a pixel as its class, background
    (channel 0) where none does, and is averaged over pixels and samples. The Dice loss takes the
    overlapping labels as they are; with the probabilities p (softmax over channels) and the
    labels y of a channel it is

    .. math:: 1 - \frac{2 \sum p y + 1}{\sum p + \sum y + 1}

    with sums over space, averaged over the L channels of a word, then over the samples.

    Args:
        logits (Tensor): Logits of shape :math:`(N, T + 1, h, w)`; channel 0 is background.
        labels (Tensor): bool of the same shape, see
            :func:`mmocr_siga.models.pseudo_labels.functional.glyph_labels`.
        lengths (Tensor): Characters of each word, integers of shape :math:`(N,)`, without the
            end of sequence. Clamped to [0, T]; a word without characters contributes 0 to the
            Dice loss.

    Returns:
        tuple[Tensor, Tensor]: The cross-entropy and the Dice loss, scalars.

    Raises:
        ValueError: If a shape or dtype is another.

    Source: SIGA, section 3.3.
    """
    if logits.dim() != 4 or logits.size(1) < 2 or not logits.is_floating_point():
        raise ValueError('logits must be floating point of shape (N, T + 1, h, w) with T > 0, '
                         f'but is {logits.dtype} of shape {tuple(logits.shape)}')
    if labels.shape != logits.shape or labels.dtype != torch.bool:
        raise ValueError(f'labels must be bool of the shape of logits {tuple(logits.shape)}, but '
                         f'is {labels.dtype} of shape {tuple(labels.shape)}')
    check_lengths(lengths, logits)
    return _GlyphLoss.apply(at_least_float32(logits), labels, lengths)


class _GlyphLoss(torch.autograd.Function):
    """:func:`glyph_loss` with the gradient written out.

    Both losses share one softmax, and the backward pass needs nothing else of that size: these
    tensors are the largest of all the losses, so that each one less counts in time and memory.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, labels: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        log_p = logits.log_softmax(1)
        target = lowest_channel(labels)[:, None]
        cross_entropy = -log_p.gather(1, target).mean()
        p = log_p.exp_()
        y = zeros_and_ones(labels, p.dtype)
        total = p.sum((2, 3)) + y.sum((2, 3)) + _DICE_SMOOTH
        score = (2 * y.mul_(p).sum((2, 3)) + _DICE_SMOOTH) / total
        n, steps = labels.size(0), labels.size(1) - 1
        weight = step_mask(lengths, steps).to(p.dtype) / (n * lengths.clamp(1, steps)[:, None])
        weight = F.pad(weight, (1, 0))
        ctx.save_for_backward(p, labels, target, weight * score / total, 2 * weight / total)
        return cross_entropy, (weight * (1 - score)).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, cross_entropy_grad: Tensor, dice_grad: Tensor):
        p, labels, target, outside, inside = ctx.saved_tensors
        # d Dice / dp is constant outside the label of a channel, and inside.
        outside = (dice_grad * outside)[:, :, None, None]
        inside = (dice_grad * inside)[:, :, None, None]
        grad = zeros_and_ones(labels, p.dtype).mul_(-inside).add_(outside).mul_(p)
        # Through the softmax: p (g - sum p g) for Dice, k (p - target) for the cross-entropy.
        k = cross_entropy_grad / target.numel()
        grad.addcmul_(p, k - grad.sum(1, keepdim=True))
        return grad.scatter_add_(1, target, (-k).expand(target.shape)), None, None


def lowest_channel(labels: Tensor) -> Tensor:
    """Find the lowest channel that is True, 0 where none is.

    Args:
        labels (Tensor): bool of shape :math:`(N, C, h, w)`.

    Returns:
        Tensor: int64 of shape :math:`(N, h, w)`.
    """
    channels = labels.size(1)
    # argmax promises no order among equals, so the lowest channel gets the highest rank. Bytes
    # hold the ranks of any word length in use.
    dtype = torch.uint8 if channels < 256 else torch.int32
    rank = torch.arange(channels, 0, -1, dtype=dtype, device=labels.device)
    best = (as_bytes(labels) * rank[:, None, None]).amax(1).long()
    return (channels - best) % channels


def sec_loss(logits: Tensor,
             presence: Tensor,
             valid: Tensor | None = None,
             ignore_classes: Sequence[int] = (),
             pooling: str = 'noisy_or') -> Tensor:
    r"""Ask of all positions of a feature map together which characters a word has.

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

    Args:
        logits (Tensor): Logits of shape :math:`(N, P, C)`, C > 1, of the recogniser's own
            classifier at P positions.
        presence (Tensor): bool of shape :math:`(N, C)`: which classes the word has. Order and
            number of occurrences do not matter.
        valid (Tensor, optional): bool of shape :math:`(N, P)`, False on padding. A sample without
            a valid position contributes 0. Defaults to None: all are valid.
        ignore_classes (Sequence[int]): Classes that are not asked for: start, end, padding and
            unknown tokens. They stay in the softmax, which lets background be one of them. If all
            are ignored the loss is 0. Defaults to ().
        pooling (str): 'noisy_or', 'max', 'lse' or 'logsumexp'. Defaults to 'noisy_or'.

    Returns:
        Tensor: The loss, a scalar.

    Raises:
        ValueError: If a shape, dtype, class or ``pooling`` is another.

    Source: Gu et al., ICPR 2020, spatial existence classification.
    """
    _check_sec_inputs(logits, presence, valid, ignore_classes)
    check_pooling(pooling)
    n, positions, classes = logits.shape
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


def _check_sec_inputs(logits: Tensor, presence: Tensor, valid: Tensor | None,
                      ignore_classes: Sequence[int]) -> None:
    if logits.dim() != 3 or logits.size(2) < 2 or not logits.is_floating_point():
        raise ValueError('logits must be floating point of shape (N, P, C) with C > 1, but is '
                         f'{logits.dtype} of shape {tuple(logits.shape)}')
    n, positions, classes = logits.shape
    if presence.shape != (n, classes) or presence.dtype != torch.bool:
        raise ValueError(f'presence must be bool of shape (N, C) = {(n, classes)}, but is '
                         f'{presence.dtype} of shape {tuple(presence.shape)}')
    if valid is not None and (valid.shape != (n, positions) or valid.dtype != torch.bool):
        raise ValueError(f'valid must be bool of shape (N, P) = {(n, positions)}, but is '
                         f'{valid.dtype} of shape {tuple(valid.shape)}')
    outside = [index for index in ignore_classes if not 0 <= index < classes]
    if outside:
        raise ValueError(f'ignore_classes must lie between 0 and {classes - 1}, but holds '
                         f'{outside}')


def _log_complement(log_p: Tensor) -> Tensor:
    """log(1 - p) of log-probabilities over the last dimension, exact wherever p is."""
    likely = log_p > math.log(_LIKELY)
    others = log_p.masked_fill(likely, float('-inf')).logsumexp(-1, keepdim=True)
    # Where p is likely the other branch is fed 0, not a p of 1, whose gradient would be infinite.
    return torch.where(likely, others, torch.log1p(-log_p.exp().masked_fill(likely, 0)))


def _pool_noisy_or(log_p: Tensor, log_not: Tensor,
                   valid: Tensor | None) -> tuple[Tensor, Tensor]:
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
