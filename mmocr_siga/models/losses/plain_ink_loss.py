from __future__ import annotations

from mmocr.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ..pseudo_labels.functional import at_least_float32, check, zeros_and_ones


def ink_loss(logits: Tensor, ink: Tensor, ignored: Tensor | None = None,
             balance: float | None = None) -> Tensor:
    """Binary cross-entropy of a drawing, the mean over pixels that are not ignored (ODM, L1).

    Args:
        logits: (N, 1, H, W).
        ink: bool, of the same shape.
        ignored: bool, likewise.
        balance: Weight of the mean over ink, 1 - ``balance`` of that over background; None: all
            pixels count the same, and ink for its few per cent.
    """
    check(ink.shape == logits.shape, 'ink', ink, f'of shape {tuple(logits.shape)} as logits')
    logits = at_least_float32(logits)
    ink = zeros_and_ones(ink.bool(), logits.dtype)
    losses = F.binary_cross_entropy_with_logits(logits, ink, reduction='none')
    counted = 1 if ignored is None else 1 - zeros_and_ones(ignored, logits.dtype)
    if balance is None:
        return (losses * counted).sum() / (losses.new_ones(losses.shape) * counted).sum().clamp(
            min=1)
    on, off = ink * counted, (1 - ink) * counted
    return sum(share * (losses * part).sum() / part.sum().clamp(min=1)
               for share, part in ((balance, on), (1 - balance, off)))


@MODELS.register_module()
class PlainInkLoss(nn.Module):
    """:func:`ink_loss` with a weight."""

    def __init__(self, loss_weight: float = 1.0, balance: float | None = None) -> None:
        super().__init__()
        if balance is not None and not 0 < balance < 1:
            raise ValueError(f'balance is the share of ink in the loss, in (0, 1), got {balance}')
        self.loss_weight, self.balance = loss_weight, balance

    def forward(self, logits: Tensor, ink: Tensor, ignored: Tensor | None = None) -> Tensor:
        return self.loss_weight * ink_loss(logits, ink, ignored, self.balance)
