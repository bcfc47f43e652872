from mmocr.registry import MODELS
from torch import Tensor, nn

from .functional import glyph_loss


@MODELS.register_module()
class GlyphLoss(nn.Module):
    """Cross-entropy plus Dice of glyph maps against their pseudo-labels (SIGA, CVPR 2023); see
    :func:`~mmocr_siga.models.losses.functional.glyph_loss`.

    Args:
        loss_weight (float): Defaults to 1.0.
    """

    def __init__(self, loss_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight

    def forward(self, logits: Tensor, labels: Tensor, lengths: Tensor) -> Tensor:
        """Logits (N, T + 1, h, w), labels of the same shape (bool), lengths (N,) -> scalar."""
        cross_entropy, dice = glyph_loss(logits, labels, lengths)
        return self.loss_weight * (cross_entropy + dice)
