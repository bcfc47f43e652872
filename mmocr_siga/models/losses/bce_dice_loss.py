from __future__ import annotations

from mmocr.registry import MODELS
from torch import Tensor, nn

from ..pseudo_labels.functional import at_least_float32, check, zeros_and_ones

_FLOOR = 1e-6  # of probabilities whose logarithm is taken
_SMOOTH = 1.0  # pixels: keeps the overlap of empty masks, which fit, from being 0 / 0


def bce_dice_loss(probability: Tensor, mask: Tensor) -> Tensor:
    r"""Binary cross-entropy, mean over all pixels, and Dice loss, mean over pictures.

    .. math::
        1 - \frac{2 \sum p m + 1}{\sum p + \sum m + 1}

    (Milletari et al., V-Net, 3DV 2016, smoothed.)

    Args:
        probability: (N, 1, H, W) in [0, 1]; below 1e-6 it counts as that.
        mask: bool, of the same shape.
    """
    check(mask.shape == probability.shape, 'mask', mask,
          f'of shape {tuple(probability.shape)} as probability')
    probability = at_least_float32(probability)
    mask = zeros_and_ones(mask.bool(), probability.dtype)
    right = 1 - (probability - mask).abs()
    entropy = -right.clamp(min=_FLOOR).log().mean()
    p, m = probability.flatten(1), mask.flatten(1)
    dice = 1 - (2 * (p * m).sum(1) + _SMOOTH) / (p.sum(1) + m.sum(1) + _SMOOTH)
    return entropy + dice.mean()


@MODELS.register_module()
class BCEDiceLoss(nn.Module):
    """:func:`bce_dice_loss` with a weight."""

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, probability: Tensor, mask: Tensor) -> Tensor:
        return self.loss_weight * bce_dice_loss(probability, mask)
