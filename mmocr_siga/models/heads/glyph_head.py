"""SIGA's training head: everything that learns glyphs from word labels, and nothing that reads.

N batch, T steps, w columns, (H, W) image, K classes.
"""
from collections.abc import Sequence
from typing import Optional, Union

import torch
from mmengine.model import BaseModule
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS, TASK_UTILS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import ConfigType, InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoders import GlyphEncoding
from ..encoders.siga_encoder import SCALES
from ..layers import AttentionDecoder, TokenLSTM, WordTargets, word_loss, word_targets
from ..target_generators.text_masks import batch_text_masks


@MODELS.register_module()
class GlyphHead(BaseModule):
    """Pseudo-labels, segmentation, alignment and auxiliary word branches of SIGA (CVPR 2023).

    The segmentation head learns the text mask; the implicit aligner's attention cuts it into
    characters; these labels teach the encoder's glyph maps. Beside the decoder's three word losses
    it adds four: the aligner's, a second plain attention decoder's over the context, and one
    LSTM's per scale over the glyph features alone.

    Args:
        dictionary (dict or Dictionary): The decoder's dictionary.
        aligner (dict): Config of an :class:`ImplicitAligner`; ``num_classes`` is filled in.
        segmentation (dict): Config of a :class:`SegmentationHead`.
        pseudo_labels (dict): Defaults to ``dict(type='GlyphPseudoLabelGenerator')``.
        in_channels (int): Channels D of context and glyph features. Defaults to 256.
        hidden_size (int): LSTM units of the auxiliary decoders. Defaults to 256.
        max_seq_len (int): Characters at most. Defaults to 25.
        skip (int, optional): Which backbone output is the segmentation head's skip map. Defaults to
            None.
        loss_mask (dict): Defaults to ``dict(type='TextMaskLoss')``.
        loss_alignment (dict): Defaults to ``dict(type='AlignmentLoss')``.
        loss_glyph (dict): Defaults to ``dict(type='GlyphLoss')``.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 dictionary: Union[dict, Dictionary],
                 aligner: ConfigType,
                 segmentation: ConfigType,
                 pseudo_labels: ConfigType = dict(type='GlyphPseudoLabelGenerator'),  # noqa: B006
                 in_channels: int = 256,
                 hidden_size: int = 256,
                 max_seq_len: int = 25,
                 skip: Optional[int] = None,
                 loss_mask: ConfigType = dict(type='TextMaskLoss'),  # noqa: B006
                 loss_alignment: ConfigType = dict(type='AlignmentLoss'),  # noqa: B006
                 loss_glyph: ConfigType = dict(type='GlyphLoss'),  # noqa: B006
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if not isinstance(dictionary, Dictionary):
            dictionary = TASK_UTILS.build(dictionary)
        self.dictionary = dictionary
        self.max_seq_len = max_seq_len
        self.skip = skip
        classes = dictionary.num_classes
        self.aligner = MODELS.build(dict(aligner, num_classes=classes))
        self.segmentation = MODELS.build(segmentation)
        self.pseudo_labels = MODELS.build(pseudo_labels)
        self.plain_decoder = AttentionDecoder(in_channels, hidden_size, classes)
        self.glyph_readers = nn.ModuleDict({
            scale: TokenLSTM(in_channels, hidden_size, classes, hidden_size) for scale in SCALES})
        self.loss_mask = MODELS.build(loss_mask)
        self.loss_alignment = MODELS.build(loss_alignment)
        self.loss_glyph = MODELS.build(loss_glyph)

    def loss(self, gray: Tensor, feat: Sequence[Tensor], encoding: GlyphEncoding,
             data_samples: Sequence[TextRecogDataSample],
             grid: Optional[Tensor] = None) -> dict[str, Tensor]:
        """All losses of the head.

        Args:
            gray (Tensor): Grey images (N, H, W) in [0, 255] as the backbone saw them, for samples
                that carry no text mask.
            feat (Sequence[Tensor]): The backbone's outputs.
            encoding (GlyphEncoding): The encoder's output.
            data_samples (Sequence[TextRecogDataSample]): N samples with ``gt_text.indexes`` and,
                best, ``gt_text_mask``.
            grid (Tensor, optional): (N, H, W, 2), by which the images were rectified; the masks
                that the samples carry are warped by it. Defaults to None.
        """
        targets = word_targets(data_samples, self.dictionary.end_idx, self.dictionary.num_classes,
                               self.max_seq_len, encoding.context.device)
        logits, attention = self.aligner(encoding.sequence, targets.tokens, encoding.valid)
        losses = dict(loss_implicit=word_loss(logits, targets.targets))
        losses.update(self._word_losses(encoding, targets))

        masks = batch_text_masks(data_samples, gray, grid)
        skip = None if self.skip is None else feat[self.skip]
        mask_logits = self.segmentation([encoding.mask_feature], skip)
        losses.update(loss_mask=self.loss_mask(mask_logits, masks))
        foreground = text_pixels(mask_logits)
        losses.update(self.loss_alignment(attention, foreground, targets.lengths))
        losses.update(self._glyph_losses(encoding, attention, foreground, targets))
        return losses

    def _word_losses(self, encoding: GlyphEncoding, targets: WordTargets) -> dict[str, Tensor]:
        logits, _ = self.plain_decoder(encoding.context, targets.tokens, valid=encoding.valid)
        losses = dict(loss_plain=word_loss(logits, targets.targets))
        for scale, reader in self.glyph_readers.items():
            glyphs = encoding.glyph_features[scale][:, :targets.steps]
            losses[f'loss_reading_{scale}'] = word_loss(reader(glyphs, targets.tokens),
                                                        targets.targets)
        return losses

    def _glyph_losses(self, encoding: GlyphEncoding, attention: Tensor, foreground: Tensor,
                      targets: WordTargets) -> dict[str, Tensor]:
        # The maps have a channel for every possible step, the attention only for this batch's.
        missing = self.max_seq_len + 1 - targets.steps
        attention = F.pad(attention.detach(), (0, 0, 0, missing))
        sizes = {scale: tuple(maps.shape[-2:]) for scale, maps in encoding.glyph_maps.items()}
        labels = self.pseudo_labels(attention, foreground, targets.lengths, sizes)
        return {f'loss_glyph_{scale}': self.loss_glyph(maps, labels[scale], targets.lengths)
                for scale, maps in encoding.glyph_maps.items()}


def text_pixels(mask_logits: Tensor) -> Tensor:
    """Where text is more probable than background: logits (N, 2, H, W) -> (N, H, W) bool."""
    with torch.no_grad():
        return mask_logits[:, 1] > mask_logits[:, 0]
