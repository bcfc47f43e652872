"""SIGA's training head: everything that learns glyphs from word labels, and nothing that reads.

N batch, T steps, w columns, (H, W) image, K classes.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.structures import LabelData
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS, TASK_UTILS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import ConfigType, InitConfigType, OptConfigType
from torch import Tensor, nn

from ...structures.encodings import SCALES, GlyphEncoding
from ...structures.words import WordTargets
from ...text.dictionary import natural_letter_case
from ..layers import AttentionDecoder, TokenLSTM, valid_columns, word_loss, word_targets
from ..target_generators.text_masks import batch_text_masks
from .glyph_supervision import GlyphSupervision


@MODELS.register_module()
class GlyphHead(GlyphSupervision):
    """Pseudo-labels, segmentation, alignment and auxiliary word branches of SIGA (CVPR 2023).

    The implicit aligner's attention is what :class:`GlyphSupervision` cuts the text mask with.
    Beside the decoder's three word losses the head adds four: the aligner's, a second plain
    attention decoder's over the context, and one LSTM's per scale over the glyph features alone.
    Without an aligner it is the attention of the decoder, as :class:`CTCDecoder` aligns words, and
    there are no such losses.

    Args:
        aligner: Config of an :class:`ImplicitAligner`; ``num_classes`` is filled in.
        segmentation: See :class:`GlyphSupervision`, as ``pseudo_labels`` and the losses.
        in_channels: Channels of context and glyph features.
        skip: Which backbone output is the segmentation head's skip map, if any.
    """

    def __init__(self, dictionary: dict | Dictionary, aligner: OptConfigType,
                 segmentation: ConfigType, pseudo_labels: OptConfigType = None,
                 in_channels: int = 256,
                 hidden_size: int = 256, max_seq_len: int = 25, skip: int | None = None,
                 loss_mask: OptConfigType = None, loss_alignment: OptConfigType = None,
                 loss_glyph: OptConfigType = None, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if not isinstance(dictionary, Dictionary):
            dictionary = TASK_UTILS.build(dictionary)
        self.dictionary = dictionary
        self.max_seq_len = max_seq_len
        self.skip = skip
        classes = dictionary.num_classes
        self.aligner = None if aligner is None else MODELS.build(
            dict(aligner, num_classes=classes))
        self.add_supervision(segmentation, pseudo_labels, loss_mask, loss_alignment, loss_glyph)
        if aligner is not None:
            self.plain_decoder = AttentionDecoder(in_channels, hidden_size, classes)
            self.glyph_readers = nn.ModuleDict({
                scale: TokenLSTM(in_channels, hidden_size, classes, hidden_size)
                for scale in SCALES})

    def loss(self, gray: Tensor, feat: Sequence[Tensor], encoding: GlyphEncoding,
             data_samples: Sequence[TextRecogDataSample], grid: Tensor | None = None,
             targets: WordTargets | None = None,
             attention: Tensor | None = None) -> dict[str, Tensor]:
        """All losses of the head.

        Args:
            gray: (N, H, W) in [0, 255], as the backbone saw the images; for samples that carry no
                ``gt_text_mask``.
            feat: The backbone's outputs.
            grid: (N, H, W, 2), by which the images were rectified; the masks that the samples carry
                are warped by it.
            targets: The decoder's, of the same dictionary. None: made here.
            attention: The decoder's, (N, T', w), for a head without an aligner.
        """
        if targets is None:
            targets = self.targets(data_samples, encoding.context.device)
        losses = {}
        if self.aligner is not None:
            losses, attention = self._read(encoding, targets)
        # Of words that are longer the first characters have maps.
        attention = attention[:, :self.max_seq_len + 1]
        losses.update(self.supervise(
            encoding.mask_feature, encoding.glyph_maps, attention,
            targets.lengths.clamp(max=self.max_seq_len),
            batch_text_masks(data_samples, gray, grid),
            valid_columns(data_samples, gray.shape[-1], gray.device), self.skip_map(feat)))
        return losses

    def _read(self, encoding: GlyphEncoding,
              targets: WordTargets) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of the branches that read, and the aligner's attention."""
        logits, attention = self.aligner(encoding.sequence, targets.tokens, encoding.valid)
        losses = dict(loss_implicit=word_loss(logits, targets.targets))
        logits, _ = self.plain_decoder(encoding.context, targets.tokens, valid=encoding.valid)
        losses.update(loss_plain=word_loss(logits, targets.targets))
        for scale, reader in self.glyph_readers.items():
            glyphs = encoding.glyph_features[scale][:, :targets.steps]
            losses[f'loss_reading_{scale}'] = word_loss(reader(glyphs, targets.tokens),
                                                        targets.targets)
        return losses, attention

    def targets(self, data_samples: Sequence[TextRecogDataSample],
                device: torch.device) -> WordTargets:
        """Targets of the words by the head's own dictionary; the samples stay as they are."""
        case, labels = natural_letter_case(self.dictionary), []
        for sample in data_samples:
            text = sample.gt_text.item
            text = text if case == 'unchanged' else getattr(text, case)()
            indexes = torch.tensor(self.dictionary.str2idx(text), dtype=torch.long)
            labels.append(TextRecogDataSample(gt_text=LabelData(indexes=indexes)))
        return word_targets(labels, self.dictionary.end_idx, self.dictionary.num_classes,
                            self.max_seq_len, device)

    def skip_map(self, feat: Sequence[Tensor]) -> Tensor | None:
        """The backbone's output that the segmentation head sees again."""
        return None if self.skip is None else feat[self.skip]

    def attention(self, encoding: GlyphEncoding, tokens: Tensor) -> Tensor:
        """Where the aligner looks for characters (N, T) that have been read: (N, T, w)."""
        start = torch.full_like(tokens[:, :1], self.dictionary.num_classes)
        return self.aligner(encoding.sequence, torch.cat([start, tokens[:, :-1]], 1),
                            encoding.valid)[1]
