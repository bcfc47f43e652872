from __future__ import annotations

import math

import torch
from mmocr.registry import MODELS
from torch import Tensor, distributed, nn
from torch.nn import functional as F

from ..pseudo_labels.functional import at_least_float32, check


def contrastive_loss(image: Tensor, text: Tensor, scale: Tensor | float,
                     valid: Tensor | None = None) -> Tensor:
    r"""Which text belongs to which picture, both ways (CLIP; ODM, L3).

    With the vectors normalized, :math:`CE(s I T^\top, diag) + CE(s T I^\top, diag)`, each the mean
    over the pairs; 0 for one pair and for none.

    Args:
        image, text: (N, E), row i of one belongs to row i of the other.
        scale: s.
        valid: bool (N,), pairs that take part; all without.
    """
    check(image.shape == text.shape and image.dim() == 2, 'text', text,
          f'of shape (N, E) = {tuple(image.shape)} as image')
    with torch.autocast(image.device.type, enabled=False):
        image, text = (F.normalize(at_least_float32(t), dim=1) for t in (image, text))
        logits = scale * image @ text.T
        own = torch.arange(len(logits), device=logits.device)
        valid = torch.ones_like(own, dtype=torch.bool) if valid is None else valid
        # A pair that takes no part sees itself, so that all numbers stay finite.
        others = ~valid & (own[:, None] != own)
        losses = sum(F.cross_entropy(each.masked_fill(others, float('-inf')), own, reduction='none')
                     for each in (logits, logits.T))
        return losses.masked_fill(~valid, 0).sum() / valid.sum().clamp(min=1)


@MODELS.register_module()
class TextImageContrastiveLoss(nn.Module):
    """:func:`contrastive_loss` over the pairs of all processes, with a learned scale.

    Args:
        loss_weight: 0.5 in ODM.
        temperature: At the beginning, 1 / s.
    """

    def __init__(self, loss_weight: float = 0.5, temperature: float = 0.07) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))

    def forward(self, image: Tensor, text: Tensor, valid: Tensor) -> Tensor:
        """Vectors (N, E) of this process and which pairs take part, bool (N,), as many in each
        process; every process gets the loss of all pairs."""
        image, text, took = (_gathered(t) for t in (image.float(), text.float(), valid.float()))
        return self.loss_weight * contrastive_loss(image, text, self.log_scale.exp(), took > 0.5)


def _gathered(tensor: Tensor) -> Tensor:
    """The rows of all processes, with gradients to each."""
    if not (distributed.is_available() and distributed.is_initialized()) or (
            distributed.get_world_size() == 1):
        return tensor
    from torch.distributed.nn.functional import all_gather
    return torch.cat(all_gather(tensor.contiguous()))
