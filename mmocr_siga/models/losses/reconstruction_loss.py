from __future__ import annotations

from mmocr.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ..pseudo_labels.functional import at_least_float32, check, zeros_and_ones


def reconstruction_loss(made: Tensor, wanted: Tensor, mask: Tensor | None = None,
                        mask_weight: float = 4.0, reach: int = 2) -> Tensor:
    r"""Absolute difference of pictures, which counts more in and around a mask.

    .. math::
        \sum w |x - z| \big/ \sum w, \quad w = 1 + \lambda\,\mathrm{dilate}(m)

    Args:
        made, wanted: x and z, (N, C, H, W).
        mask: m, bool (N, 1, H, W); without one all pixels count the same.
        mask_weight: :math:`\lambda`.
        reach: Pixels by which the mask is dilated to all sides, corners included.
    """
    check(made.shape == wanted.shape, 'made', made,
          f'of shape {tuple(wanted.shape)} as the picture that is wanted')
    error = (at_least_float32(made) - at_least_float32(wanted)).abs().mean(1, keepdim=True)
    if mask is None:
        return error.mean()
    check(mask.shape == error.shape, 'mask', mask, f'of shape (N, 1, H, W) = {tuple(error.shape)}')
    dilated = F.max_pool2d(zeros_and_ones(mask.bool(), error.dtype), 2 * reach + 1, 1, reach)
    weight = 1 + mask_weight * dilated
    return (weight * error).sum() / weight.sum()


@MODELS.register_module()
class ReconstructionLoss(nn.Module):
    """:func:`reconstruction_loss` with a weight."""

    def __init__(self, loss_weight: float = 5.0, mask_weight: float = 4.0, reach: int = 2) -> None:
        super().__init__()
        self.loss_weight, self.mask_weight, self.reach = loss_weight, mask_weight, reach

    def forward(self, made: Tensor, wanted: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.loss_weight * reconstruction_loss(made, wanted, mask, self.mask_weight,
                                                      self.reach)
