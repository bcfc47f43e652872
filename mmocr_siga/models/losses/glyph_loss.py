from __future__ import annotations

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..pseudo_labels.functional import (
    as_bytes,
    at_least_float32,
    check,
    check_lengths,
    resize_valid,
    step_mask,
    zeros_and_ones,
)

_DICE_SMOOTH = 1.0


def glyph_loss(logits: Tensor, labels: Tensor, lengths: Tensor,
               valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
    r"""Cross-entropy and Dice loss, scalars, of glyph maps against pseudo-labels (SIGA, 3.3).

    The cross-entropy takes the lowest channel that claims a pixel as its class, background
    (channel 0) where none does, and is averaged over pixels and samples. The Dice loss takes the
    overlapping labels as they are; with the probabilities p (softmax over channels) and the
    labels y of a channel it is

    .. math:: 1 - \frac{2 \sum p y + 1}{\sum p + \sum y + 1}

    with sums over space, averaged over the L characters of a word, then over the samples.

    >>> glyph_loss(torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1).bool(), torch.tensor([1]))
    (tensor(0.6931), tensor(0.2000))

    Args:
        logits: (N, T + 1, h, w); channel 0 is background.
        labels: bool of the same shape, see
            :func:`~mmocr_siga.models.pseudo_labels.functional.glyph_labels`.
        lengths: (N,); a word without characters contributes 0 to the Dice loss.
    """
    check(logits.dim() == 4 and logits.size(1) > 1 and logits.is_floating_point(), 'logits', logits,
          'floating point of shape (N, T + 1, h, w) with T > 0')
    check(labels.shape == logits.shape and labels.dtype == torch.bool, 'labels', labels,
          f'bool of the shape of logits {tuple(logits.shape)}')
    check_lengths(lengths, logits)
    logits = at_least_float32(logits)
    if valid is not None:
        valid = resize_valid(valid, logits.size(3))[:, None, None]
    return _GlyphLoss.apply(logits, labels, lengths, valid)


class _GlyphLoss(torch.autograd.Function):
    """:func:`glyph_loss` with the gradient written out.

    Both losses share one softmax, and the backward pass needs nothing else of that size: these
    tensors are the largest of all the losses, so that each one less counts in time and memory.
    """

    @staticmethod
    def forward(ctx, logits: Tensor, labels: Tensor, lengths: Tensor,
                valid: Tensor | None) -> tuple[Tensor, Tensor]:
        n, channels, h, w = logits.shape
        log_p = logits.log_softmax(1)
        target = lowest_channel(labels)[:, None]
        # What a pixel counts in the cross-entropy: (1,), or (N, 1, 1, w) with 0 on padding.
        share = log_p.new_full((1, ), 1 / max(n * h * w, 1))
        if valid is not None:
            share = valid.to(log_p.dtype) / (n * h * valid.sum(3, keepdim=True).clamp(min=1))
        cross_entropy = -(log_p.gather(1, target) * share).sum()
        p = log_p.exp_()
        if valid is not None:
            # Where neither is anything, both losses and their gradients are 0.
            p, labels = p.mul_(valid), labels & valid
        y = zeros_and_ones(labels, p.dtype)
        total = p.sum((2, 3)) + y.sum((2, 3)) + _DICE_SMOOTH
        score = (2 * y.mul_(p).sum((2, 3)) + _DICE_SMOOTH) / total
        weight = step_mask(lengths, channels - 1).to(p.dtype)
        weight = F.pad(weight / (n * lengths.clamp(1, channels - 1)[:, None]), (1, 0))
        ctx.save_for_backward(p, labels, target, share, weight * score / total, 2 * weight / total)
        return cross_entropy, (weight * (1 - score)).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, cross_entropy_grad: Tensor, dice_grad: Tensor):
        p, labels, target, share, outside, inside = ctx.saved_tensors
        # d Dice / dp is constant outside the label of a channel, and inside.
        outside = (dice_grad * outside)[:, :, None, None]
        inside = (dice_grad * inside)[:, :, None, None]
        grad = zeros_and_ones(labels, p.dtype).mul_(-inside).add_(outside).mul_(p)
        # Through the softmax: p (g - sum p g) for Dice, k (p - target) for the cross-entropy.
        k = cross_entropy_grad * share
        grad.addcmul_(p, k - grad.sum(1, keepdim=True))
        return grad.scatter_add_(1, target, (-k).expand(target.shape)), None, None, None


def lowest_channel(labels: Tensor) -> Tensor:
    """The lowest channel that is True, 0 where none is: bool (N, C, h, w) -> int64 (N, h, w)."""
    channels = labels.size(1)
    # argmax promises no order among equals, so the lowest channel gets the highest rank. Bytes
    # hold the ranks of any word length in use.
    dtype = torch.uint8 if channels < 256 else torch.int32
    rank = torch.arange(channels, 0, -1, dtype=dtype, device=labels.device)
    best = (as_bytes(labels) * rank[:, None, None]).amax(1).long()
    return (channels - best) % channels


@MODELS.register_module()
class GlyphLoss(nn.Module):
    """The sum of both terms of :func:`glyph_loss` (SIGA, CVPR 2023), with a weight."""

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor, lengths: Tensor,
                valid: Tensor | None = None) -> Tensor:
        """Logits (N, T + 1, h, w), labels of the same shape (bool), lengths (N,) -> scalar."""
        cross_entropy, dice = glyph_loss(logits, labels, lengths, valid)
        return self.loss_weight * (cross_entropy + dice)
