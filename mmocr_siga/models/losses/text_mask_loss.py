from __future__ import annotations

import torch
import torch.nn.functional as F
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..pseudo_labels.functional import at_least_float32, check, zeros_and_ones
from .alignment_loss import column_mean


def text_mask_loss(logits: Tensor, mask: Tensor, ignore_above: float | None = None,
                   reference: bool = False, valid: Tensor | None = None) -> Tensor:
    """Cross-entropy of a text segmentation against the mask pseudo-label (SIGA, section 3.1).

    >>> text_mask_loss(torch.zeros(1, 2, 4, 8), torch.ones(1, 4, 8, dtype=torch.bool))
    tensor(0.6931)

    Args:
        logits: (N, 2, H, W); channel 1 is text.
        mask: bool (N, H, W), True on text.
        ignore_above: Samples whose loss (the mean over pixels) reaches it are left out of the mean,
            since late in training their pseudo-label is more likely wrong than the segmentation.
        reference: Take the softmax twice, as the released implementation of the paper does: a
            sample's loss then lies between 0.313 and 1.313.
    """
    check(logits.dim() == 4 and logits.size(1) == 2 and logits.is_floating_point(), 'logits',
          logits, 'floating point of shape (N, 2, H, W)')
    shape = logits.size(0), *logits.shape[2:]
    check(mask.shape == shape and mask.dtype == torch.bool, 'mask', mask,
          f'bool of shape (N, H, W) = {shape}')
    # A softmax over two channels is a sigmoid of their difference.
    background, text = at_least_float32(logits).unbind(1)
    margin = text - background
    if reference:
        margin = torch.tanh(margin / 2)
    sign = 2 * zeros_and_ones(mask, margin.dtype) - 1
    losses = column_mean(-F.logsigmoid(sign * margin).mean(1), valid)
    if ignore_above is None:
        return losses.mean()
    # Not `losses < ignore_above`: a NaN is to be seen, not left out.
    ignored = losses >= ignore_above
    return losses.masked_fill(ignored, 0).sum() / (~ignored).sum().clamp(min=1)


@MODELS.register_module()
class TextMaskLoss(nn.Module):
    """:func:`text_mask_loss` with a weight (SIGA, CVPR 2023)."""

    def __init__(self, loss_weight: float = 1.0, ignore_above: float | None = None,
                 reference: bool = False) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.ignore_above = ignore_above
        self.reference = reference

    def forward(self, logits: Tensor, mask: Tensor, valid: Tensor | None = None) -> Tensor:
        """Logits (N, 2, H, W) and mask (N, H, W) bool -> scalar."""
        return self.loss_weight * text_mask_loss(logits, mask, self.ignore_above, self.reference,
                                                 valid)
