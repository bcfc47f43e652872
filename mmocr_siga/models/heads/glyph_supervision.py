from __future__ import annotations

from collections.abc import Mapping

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import ConfigType, OptConfigType
from torch import Tensor
from torch.nn import functional as F


class GlyphSupervision(BaseModule):
    """What teaches a text mask and glyph maps without labels of pixels (SIGA, CVPR 2023).

    A segmentation head learns the text mask. An attention over columns, whosever it is, is aligned
    with the text found and cuts it into characters, and these are the labels of the glyph maps.
    """

    def add_supervision(self, segmentation: ConfigType, pseudo_labels: OptConfigType,
                        loss_mask: OptConfigType, loss_alignment: OptConfigType,
                        loss_glyph: OptConfigType) -> None:
        """Build the parts from their configs; None stands for those below."""
        self.segmentation = MODELS.build(segmentation)
        self.pseudo_labels = MODELS.build(pseudo_labels or dict(type='GlyphPseudoLabelGenerator'))
        self.loss_mask = MODELS.build(loss_mask or dict(type='TextMaskLoss'))
        self.loss_alignment = MODELS.build(loss_alignment or dict(type='AlignmentLoss'))
        self.loss_glyph = MODELS.build(loss_glyph or dict(type='GlyphLoss'))

    @torch.no_grad()
    def text_mask(self, fused: Tensor, skip: Tensor | None = None) -> Tensor:
        """Where text is more probable than background, (N, H, W) bool."""
        return text_pixels(self.segmentation([fused], skip))

    def supervise(self, fused: Tensor, glyph_maps: Mapping[str, Tensor], attention: Tensor,
                  lengths: Tensor, masks: Tensor, valid: Tensor | None = None,
                  skip: Tensor | None = None) -> dict[str, Tensor]:
        """Losses of text mask, alignment and glyph maps.

        Args:
            fused: (N, C, h, w), what the segmentation goes on from.
            glyph_maps: Logits (N, T + 1, h, w) by name, channel 0 background.
            attention: (N, T', w), T' <= T.
            masks: (N, H, W) bool, the targets of the segmentation.
            valid: (N, W) bool, False on padding, which takes part in no loss.
        """
        logits = self.segmentation([fused], skip)
        foreground = text_pixels(logits)
        losses = dict(loss_mask=self.loss_mask(logits, masks, valid),
                      **self.loss_alignment(attention, foreground, lengths, valid))
        steps = max(maps.shape[1] for maps in glyph_maps.values()) - 1
        # The maps have a channel for every possible step, the attention only for this batch's.
        attention = F.pad(attention.detach(), (0, 0, 0, steps - attention.shape[1]))
        sizes = {name: tuple(maps.shape[-2:]) for name, maps in glyph_maps.items()}
        labels = self.pseudo_labels(attention, foreground, lengths, sizes, valid)
        losses.update({f'loss_glyph_{name}': self.loss_glyph(maps, labels[name], lengths, valid)
                       for name, maps in glyph_maps.items()})
        return losses


def text_pixels(mask_logits: Tensor) -> Tensor:
    """Where text is more probable than background: logits (N, 2, H, W) -> (N, H, W) bool."""
    return mask_logits.detach()[:, 1] > mask_logits.detach()[:, 0]
