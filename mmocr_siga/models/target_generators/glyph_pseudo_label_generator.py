from __future__ import annotations

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..pseudo_labels.functional import glyph_labels, resize_valid


@MODELS.register_module()
class GlyphPseudoLabelGenerator(nn.Module):
    """Cuts a text mask into characters by an aligned attention (SIGA, CVPR 2023, glyph
    pseudo-labels).

    Args:
        threshold: Attention above which a column belongs to a step, for an attention of length 32.
        scale_threshold: Whether the threshold is scaled by 32 / length for attentions of another
            length, padding not counted. In the reference it is not.
    """

    def __init__(self, threshold: float = 0.05, scale_threshold: bool = False) -> None:
        super().__init__()
        if not 0 < threshold < 1:
            raise ValueError(f'threshold is a share of the attention in (0, 1), got {threshold}')
        self.threshold = threshold
        self.scale_threshold = scale_threshold

    @torch.no_grad()
    def forward(self, attention: Tensor, foreground: Tensor, lengths: Tensor,
                sizes: dict[str, tuple[int, int]],
                valid: Tensor | None = None) -> dict[str, Tensor]:
        """Labels (N, T + 1, h, w), bool, for maps of the ``sizes`` (h, w); otherwise as
        :func:`~mmocr_siga.models.pseudo_labels.functional.glyph_labels`.
        """
        threshold, width = self.threshold, attention.shape[-1]
        if self.scale_threshold:
            if valid is not None:
                width = resize_valid(valid, width).sum(1)[:, None, None]
            threshold = threshold * 32 / width
        return {name: glyph_labels(attention, foreground, lengths, size, threshold, valid)
                for name, size in sizes.items()}
