from typing import Optional

from mmocr.registry import MODELS
from torch import Tensor, nn

from .functional import text_mask_loss


@MODELS.register_module()
class TextMaskLoss(nn.Module):
    """Cross-entropy of a segmentation head against the text mask; see
    :func:`~mmocr_siga.models.losses.functional.text_mask_loss`.

    Args:
        loss_weight (float): Defaults to 1.0.
        ignore_above (float, optional): Samples whose mean loss reaches this are dropped: their mask
            is taken for noise, in most cases for one of wrong polarity. Defaults to None.
        reference (bool): Reproduce the reference's double softmax, where the loss lives in
            [0.313, 1.313]. Defaults to False.
    """

    def __init__(self, loss_weight: float = 1.0, ignore_above: Optional[float] = None,
                 reference: bool = False) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.ignore_above = ignore_above
        self.reference = reference

    def forward(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Logits (N, 2, H, W) and mask (N, H, W) bool -> scalar."""
        return self.loss_weight * text_mask_loss(logits, mask, self.ignore_above, self.reference)
