
from mmocr.registry import MODELS
from torch import Tensor, nn

from .functional import coverage_loss, orthogonality_loss, resize_attention


@MODELS.register_module()
class AlignmentLoss(nn.Module):
    """Orthogonality and coverage of an implicit attention (SIGA, CVPR 2023); see
    :mod:`~mmocr_siga.models.losses.functional`.

    Args:
        loss_weight (float): Weight of the sum of both. Defaults to 1.0.
        reference (bool): Sum orthogonality over the batch and reproduce the double softmax in the
            coverage term, as the reference does. Defaults to False.
    """

    def __init__(self, loss_weight: float = 1.0, reference: bool = False) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.reference = reference

    def forward(self, attention: Tensor, foreground: Tensor, lengths: Tensor) -> dict[str, Tensor]:
        """Both terms.

        Args:
            attention (Tensor): (N, T, w), at its own width.
            foreground (Tensor): (N, H, W) bool, detached.
            lengths (Tensor): (N,) characters without the end token.
        """
        attention = resize_attention(attention, foreground.shape[-1])
        orthogonality = orthogonality_loss(attention, lengths, 'sum' if self.reference else 'mean')
        coverage = coverage_loss(attention, foreground, lengths, self.reference)
        return dict(loss_orthogonality=self.loss_weight * orthogonality,
                    loss_coverage=self.loss_weight * coverage)
