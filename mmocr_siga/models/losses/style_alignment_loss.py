from __future__ import annotations

from mmocr.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from ..pseudo_labels.functional import at_least_float32, check
from .text_image_contrastive_loss import contrastive_loss

FORMS = ('distance', 'info_nce')


def style_distance(first: Tensor, second: Tensor) -> Tensor:
    r"""Squared distance of tokens (N, Q, D) on the unit sphere, mean over tokens and pictures:
    :math:`|n(a) - n(b)|^2 = 2 - 2 \cos(a, b)`, 0 for equal directions to 4 for opposite ones.

    >>> style_distance(torch.tensor([[[1., 0.]]]), torch.tensor([[[0., 3.]]]))
    tensor(2.)
    """
    check(first.shape == second.shape and first.dim() == 3, 'second', second,
          f'of shape (N, Q, D) = {tuple(first.shape)} as first')
    first, second = (F.normalize(at_least_float32(side), dim=-1) for side in (first, second))
    return (first - second).square().sum(-1).mean()


def style_info_nce(first: Tensor, second: Tensor, temperature: float = 0.1) -> Tensor:
    """Which style is whose: the mean tokens of two pictures (N, Q, D) of a style attract each
    other, those of the other pairs of the batch repel; half the sum of both directions."""
    check(first.shape == second.shape and first.dim() == 3, 'second', second,
          f'of shape (N, Q, D) = {tuple(first.shape)} as first')
    pooled = (at_least_float32(side).mean(1) for side in (first, second))
    return contrastive_loss(*pooled, 1 / temperature) / 2


@MODELS.register_module()
class StyleAlignmentLoss(nn.Module):
    """Two pictures of one style are to have equal style features.

    A constant meets ``'distance'`` as well: what is rebuilt from the style has to prevent that.

    Args:
        form: 'distance', :func:`style_distance`; or 'info_nce', :func:`style_info_nce`.
    """

    def __init__(self, loss_weight: float = 1.0, form: str = 'distance',
                 temperature: float = 0.1) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f'form must be one of {FORMS}, but is {form!r}')
        self.loss_weight, self.form, self.temperature = loss_weight, form, temperature

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Style tokens (N, Q, D) of the one picture of each pair and of the other."""
        if self.form == 'distance':
            return self.loss_weight * style_distance(first, second)
        return self.loss_weight * style_info_nce(first, second, self.temperature)
