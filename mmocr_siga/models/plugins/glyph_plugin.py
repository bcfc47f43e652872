"""SIGA's glyph supervision for recognizers that have an attention of their own.

N batch, T characters, D channels of the map that the attention reads, (h, w) its size.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType, OptConfigType
from torch import Tensor, einsum, nn
from torch.nn import functional as F

from ...structures.encodings import SCALES
from ..encoders import pool_glyphs
from ..heads import GlyphSupervision
from ..layers import BidirectionalLSTM, conv_bn_relu, word_lengths
from ..necks import PyramidFusion
from ..pseudo_labels.functional import masked_two_means
from ..target_generators.text_masks import batch_text_masks
from .base import ForwardPass, Plugin


class GlyphMaps(NamedTuple):
    """What :class:`GlyphPlugin` makes of the backbone's maps."""

    maps: dict[str, Tensor]  # logits (N, T + 1, h, w) per scale, channel 0 background
    fused: Tensor  # (N, C, h, w), what the segmentation goes on from


@MODELS.register_module()
class GlyphPlugin(GlyphSupervision, Plugin):
    """Glyph supervision of a recognizer by its own attention (SIGA, CVPR 2023).

    Two maps of the backbone predict a text mask and, at two scales, one map per character. The text
    mask learns from the image (2-means); the recognizer's attention, summed over rows, is aligned
    with it and cuts it into the pseudo-labels of the character maps. All gradients reach the
    backbone, those of the alignment also the attention.

    With ``feed=True`` the character maps also pool one feature vector per character, and what is
    found for the character at a position is added to the map that the attention reads, by a
    projection that starts at zero.

    Args:
        backbone_maps: Paths of the modules that give the fine and the coarse map.
        in_channels: Channels of the two.
        feature_channels: Channels D of the map that the attention reads. It is added to the coarse
            map, since which character a stroke belongs to shows only where the whole word is seen.
        scale: (height, width) ratio of the fine to the coarse map.
        image_scales: Up-samplings from the fine map to the image.
        mask_channels: Channels on the way from the fused maps to the text mask, the most expensive
            part; ``channels`` unless given.
        loss_weight: Weight of all losses together, see docs/guides/plugins.md.
    """

    needs_attention = True

    def __init__(self, backbone_maps: Sequence[str], in_channels: Sequence[int],
                 feature_channels: int, max_seq_len: int = 25, scale: tuple[int, int] = (2, 2),
                 image_scales: Sequence[tuple[int, int]] = ((2, 2), ), channels: int = 128,
                 mask_channels: int | None = None, feed: bool = False, hidden_size: int = 256,
                 loss_weight: float = 0.1, pseudo_labels: OptConfigType = None,
                 loss_mask: OptConfigType = None, loss_alignment: OptConfigType = None,
                 loss_glyph: OptConfigType = None, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        segmentation = dict(type='SegmentationHead', in_channels=(channels, ), trunk=False,
                            up_channels=mask_channels, scales=image_scales)
        self.add_supervision(segmentation, pseudo_labels, loss_mask, loss_alignment, loss_glyph)
        if len(backbone_maps) != 2:
            raise ValueError('backbone_maps names the fine and the coarse map, two paths, got '
                             f'{list(backbone_maps)}')
        self.reads = tuple(backbone_maps)
        self.max_seq_len = max_seq_len
        self.feeds = feed
        self.loss_weight = loss_weight
        self.context = nn.Conv2d(feature_channels, in_channels[1], 1)
        self.fusion = PyramidFusion(in_channels, channels, scale)
        self.glyph_maps = nn.ModuleDict(
            {s: nn.Conv2d(channels, max_seq_len + 1, 1) for s in SCALES})
        if feed:
            self.glyph_features = nn.ModuleDict({
                s: conv_bn_relu(c, hidden_size, 3, padding=1) for s, c in zip(SCALES, in_channels)})
            self.glyph_rnn = nn.ModuleDict(
                {s: BidirectionalLSTM(hidden_size, hidden_size, hidden_size) for s in SCALES})
            self.project = nn.Conv2d(hidden_size, feature_channels, 1)
            nn.init.zeros_(self.project.weight)
            nn.init.zeros_(self.project.bias)

    def forward(self, fine: Tensor, coarse: Tensor, feature: Tensor) -> GlyphMaps:
        """Character maps of the backbone's two maps and ``feature``, which the attention reads."""
        seen = F.interpolate(self.context(feature), size=coarse.shape[-2:], mode='bilinear',
                             align_corners=False)
        fused = dict(zip(SCALES, self.fusion(fine, coarse + seen)))
        return GlyphMaps({s: self.glyph_maps[s](fused[s]) for s in SCALES}, fused['fine'])

    def feed(self, run: ForwardPass, feature: Tensor) -> Tensor:
        """Add to every position the glyph feature of the character that is there."""
        sources = dict(zip(SCALES, (run.output(path) for path in self.reads)))
        glyphs = run.kept[self] = self(*sources.values(), feature)
        added = 0
        for scale, source in sources.items():
            maps = glyphs.maps[scale]
            pooled = pool_glyphs(maps, self.glyph_features[scale](source),
                                 run.valid(source.shape[-1]))
            shares = F.adaptive_avg_pool2d(maps.float().softmax(1)[:, 1:], feature.shape[-2:])
            pooled = self.glyph_rnn[scale](pooled)
            added = added + einsum('ntd,nthw->ndhw', pooled, shares.to(pooled.dtype))
        return feature + self.project(added)

    def glyphs(self, run: ForwardPass) -> GlyphMaps:
        """The character maps of a call, those that were fed if any were."""
        if self in run.kept:
            return run.kept[self]
        return self(*(run.output(path) for path in self.reads), run.feature)

    def loss(self, run: ForwardPass) -> dict[str, Tensor]:
        """Losses of text mask, alignment and character maps."""
        glyphs, attention, gray = self.glyphs(run), run.attention, run.gray()
        columns = attention.float().sum(2)[:, :self.max_seq_len]
        lengths = word_lengths(run.data_samples, columns.shape[1], columns.device)
        # A rectifier has moved the pixels, those of padding too.
        valid = None if run.rectified else run.valid(gray.shape[-1])
        masks = (masked_two_means(gray) if run.rectified else
                 batch_text_masks(run.data_samples, gray))
        losses = self.supervise(glyphs.fused, glyphs.maps, columns, lengths, masks, valid)
        return {name: self.loss_weight * loss for name, loss in losses.items()}
