from __future__ import annotations

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..pseudo_labels.functional import at_least_float32, check

__all__ = ['segsort_loss']


def segsort_loss(pixels: Tensor, prototypes: Tensor, own: Tensor, labels: Tensor,
                 concentration: float = 16.0) -> Tensor:
    r"""Draw pixels to the segments of their class and away from the others of their word (SegSort,
    Hwang et al., ICCV 2019; HSG, Ke et al., CVPR 2022).

    With :math:`e_j = e^{\kappa v_i \cdot p_j}`, a pixel i of segment a and class y costs

    .. math:: -\log \frac{P}{P + \sum_{y_j \ne y} e_j}, \quad P = \sum_{j \ne a, y_j = y} e_j,

    or :math:`P = e_a` where a is alone in its class. The mean over the pixels of a word, then over
    words; a word without pixels costs 0. Other words take no part: their e is an e as well.

    Args:
        pixels: Unit vectors (N, P, D).
        prototypes: Unit vectors (N, S, D).
        own: Integers (N, P), the number of the segment of each pixel from 1 on, 0 for none.
        labels: Integers (N, S), the class of each segment from 1 on, 0 where there is no segment.
        concentration: :math:`\kappa`.
    """
    shape = pixels.shape[0], pixels.shape[2]
    check(pixels.dim() == 3 and pixels.is_floating_point(), 'pixels', pixels,
          'floating point of shape (N, P, D)')
    check(prototypes.dim() == 3 and (prototypes.shape[0], prototypes.shape[2]) == shape,
          'prototypes', prototypes, f'of shape (N, S, D) with N, D = {shape}')
    check(own.shape == pixels.shape[:2], 'own', own, 'integers of shape (N, P)')
    check(labels.shape == prototypes.shape[:2], 'labels', labels, 'integers of shape (N, S)')
    with torch.autocast(pixels.device.type, enabled=False):
        pixels, prototypes = at_least_float32(pixels), at_least_float32(prototypes)
        scores = concentration * pixels @ prototypes.transpose(1, 2)
    inside, own = own > 0, (own - 1).clamp(min=0).long()
    there, mine = (labels > 0)[:, None], labels.gather(1, own)[:, :, None]
    alike = there & (labels[:, None] == mine)
    itself = torch.arange(labels.shape[1], device=own.device) == own[:, :, None]
    others = alike & ~itself
    # Pixels that do not count are drawn to everything, which costs nothing.
    drawn = others | (itself & ~others.any(2, keepdim=True)) | ~inside[:, :, None]
    lowest = torch.finfo(scores.dtype).min / 2
    losses = (scores.masked_fill(~(drawn | (there & ~alike)), lowest).logsumexp(2)
              - scores.masked_fill(~drawn, lowest).logsumexp(2))
    counts = inside.sum(1).clamp(min=1)
    return ((losses * inside).sum(1) / counts).mean()


@MODELS.register_module()
class SegSortLoss(nn.Module):
    """:func:`segsort_loss` with a weight."""

    def __init__(self, loss_weight: float = 1.0, concentration: float = 16.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.concentration = concentration

    def forward(self, pixels: Tensor, prototypes: Tensor, own: Tensor, labels: Tensor) -> Tensor:
        """Arguments as those of :func:`segsort_loss` -> scalar."""
        return self.loss_weight * segsort_loss(pixels, prototypes, own, labels, self.concentration)
