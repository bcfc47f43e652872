
import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..pseudo_labels.functional import glyph_labels


@MODELS.register_module()
class GlyphPseudoLabelGenerator(nn.Module):
    """Cuts a text mask into characters by an aligned attention (SIGA, CVPR 2023, glyph
    pseudo-labels).

    Has no parameters and passes no gradient on.

    Args:
        threshold (float): Attention above which a column belongs to a step, for an attention of
            length 32. Defaults to 0.05.
        scale_threshold (bool): Whether the threshold is scaled by 32 / length for attentions of
            another length. Defaults to False, as in the reference.
    """

    def __init__(self, threshold: float = 0.05, scale_threshold: bool = False) -> None:
        super().__init__()
        if not 0 < threshold < 1:
            raise ValueError(f'threshold is a share of the attention in (0, 1), got {threshold}')
        self.threshold = threshold
        self.scale_threshold = scale_threshold

    @torch.no_grad()
    def forward(self, attention: Tensor, foreground: Tensor, lengths: Tensor,
                sizes: dict[str, tuple[int, int]]) -> dict[str, Tensor]:
        """Make the labels.

        Args:
            attention (Tensor): (N, T, w), at its own width.
            foreground (Tensor): (N, H, W) bool, the text mask.
            lengths (Tensor): (N,) characters without the end token.
            sizes (dict): (height, width) of each map that wants labels.

        Returns:
            dict: (N, T + 1, h, w) bool per map, channel 0 background.
        """
        threshold = self.threshold
        if self.scale_threshold:
            threshold = threshold * 32 / attention.shape[-1]
        return {name: glyph_labels(attention, foreground, lengths, size, threshold)
                for name, size in sizes.items()}
