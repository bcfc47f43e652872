"""SIGA's glyph head for recognisers that have an attention of their own.

N batch, T characters, D channels of the map that the attention reads, (h, w) its size.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from mmocr.registry import MODELS
from mmocr.utils.typing_utils import ConfigType, InitConfigType
from torch import Tensor, einsum, nn
from torch.nn import functional as F

from ..encoders.siga_encoder import SCALES, pool_glyphs
from ..heads import text_pixels
from ..layers import BidirectionalLSTM, conv_bn_relu, word_lengths
from ..necks import PyramidFusion
from ..target_generators.text_masks import batch_text_masks
from .base import HostView, Plugin


class GlyphMaps(NamedTuple):
    """What :class:`GlyphPlugin` makes of the backbone's maps."""

    maps: dict[str, Tensor]  # logits (N, T + 1, h, w) per scale, channel 0 background
    fused: Tensor  # (N, C, h, w), what the segmentation goes on from


@MODELS.register_module()
class GlyphPlugin(Plugin):
    """Glyph supervision of a recogniser by its own attention (SIGA, CVPR 2023).

    Two maps of the backbone predict a text mask and, at two scales, one map per character. The text
    mask learns from the image (2-means); the recogniser's attention, summed over rows, is aligned
    with it and cuts it into the pseudo-labels of the character maps. All gradients reach the
    backbone, those of the alignment also the attention.

    With ``feed=True`` the character maps also pool one feature vector per character, and what is
    found for the character at a position is added to the map that the attention reads. The
    projection that adds it starts at zero: with the weights of a trained recogniser the plugged one
    begins where that one was.

    Args:
        backbone_maps (Sequence[str]): Paths of the modules that give the fine and the coarse map.
        in_channels (Sequence[int]): Channels of the two.
        feature_channels (int): Channels D of the map that the attention reads. It is added to the
            coarse map, since which character a stroke belongs to shows only where the whole word is
            seen.
        max_seq_len (int): Characters T at most. Defaults to 25.
        scale (tuple[int, int]): (height, width) ratio of the fine to the coarse map. Defaults to
            (2, 2).
        image_scales (Sequence[tuple[int, int]]): Up-samplings from the fine map to the image.
            Defaults to one of (2, 2).
        channels (int): Channels of the fused maps. Defaults to 128.
        mask_channels (int, optional): Channels on the way from the fused maps to the text mask, the
            most expensive part. Defaults to None: ``channels``.
        feed (bool): Whether glyph features are added to what the attention reads. Defaults to
            False.
        hidden_size (int): Channels and LSTM units of the glyph features. Defaults to 256.
        loss_weight (float): Weight of all losses together. Defaults to 0.1: with 1.0 small hosts
            read worse after short training, see docs/guides/plugins.md.
        pseudo_labels (dict): Defaults to ``dict(type='GlyphPseudoLabelGenerator')``.
        loss_mask (dict): Defaults to ``dict(type='TextMaskLoss')``.
        loss_alignment (dict): Defaults to ``dict(type='AlignmentLoss')``.
        loss_glyph (dict): Defaults to ``dict(type='GlyphLoss')``.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    needs_attention = True

    def __init__(self,
                 backbone_maps: Sequence[str],
                 in_channels: Sequence[int],
                 feature_channels: int,
                 max_seq_len: int = 25,
                 scale: tuple[int, int] = (2, 2),
                 image_scales: Sequence[tuple[int, int]] = ((2, 2), ),
                 channels: int = 128,
                 mask_channels: int | None = None,
                 feed: bool = False,
                 hidden_size: int = 256,
                 loss_weight: float = 0.1,
                 pseudo_labels: ConfigType = dict(type='GlyphPseudoLabelGenerator'),  # noqa: B006
                 loss_mask: ConfigType = dict(type='TextMaskLoss'),  # noqa: B006
                 loss_alignment: ConfigType = dict(type='AlignmentLoss'),  # noqa: B006
                 loss_glyph: ConfigType = dict(type='GlyphLoss'),  # noqa: B006
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if len(backbone_maps) != 2:
            raise ValueError('backbone_maps names the fine and the coarse map, two paths, got '
                             f'{list(backbone_maps)}')
        self.reads = tuple(backbone_maps)
        self.max_seq_len = max_seq_len
        self.feeds = feed
        self.loss_weight = loss_weight
        fine, coarse = in_channels
        self.context = nn.Conv2d(feature_channels, coarse, 1)
        self.fusion = PyramidFusion(in_channels, channels, scale)
        self.glyph_maps = nn.ModuleDict(
            {s: nn.Conv2d(channels, max_seq_len + 1, 1) for s in SCALES})
        self.segmentation = MODELS.build(dict(
            type='SegmentationHead', in_channels=(channels, ), trunk=False,
            up_channels=mask_channels, scales=image_scales))
        if feed:
            source = dict(fine=fine, coarse=coarse)
            self.glyph_features = nn.ModuleDict(
                {s: conv_bn_relu(source[s], hidden_size, 3, padding=1) for s in SCALES})
            self.glyph_rnn = nn.ModuleDict(
                {s: BidirectionalLSTM(hidden_size, hidden_size, hidden_size) for s in SCALES})
            self.project = nn.Conv2d(hidden_size, feature_channels, 1)
            nn.init.zeros_(self.project.weight)
            nn.init.zeros_(self.project.bias)
        self.pseudo_labels = MODELS.build(pseudo_labels)
        self.loss_mask = MODELS.build(loss_mask)
        self.loss_alignment = MODELS.build(loss_alignment)
        self.loss_glyph = MODELS.build(loss_glyph)

    def forward(self, fine: Tensor, coarse: Tensor, feature: Tensor) -> GlyphMaps:
        """Predict character maps.

        Args:
            fine (Tensor): (N, C_fine, h, w).
            coarse (Tensor): (N, C_coarse, h', w').
            feature (Tensor): The map that the attention reads, (N, D, *, *).
        """
        seen = F.interpolate(self.context(feature), size=coarse.shape[-2:], mode='bilinear',
                             align_corners=False)
        fine, coarse = self.fusion(fine, coarse + seen)
        maps = {s: self.glyph_maps[s](fused) for s, fused in zip(SCALES, (fine, coarse))}
        return GlyphMaps(maps, fine)

    def feed(self, host: HostView, feature: Tensor) -> Tensor:
        """Add to every position the glyph feature of the character that is there."""
        fine, coarse = (host.output(path) for path in self.reads)
        glyphs = host.kept[self] = self(fine, coarse, feature)
        added = 0
        for scale, source in zip(SCALES, (fine, coarse)):
            maps = glyphs.maps[scale]
            pooled = pool_glyphs(maps, self.glyph_features[scale](source),
                                 host.valid(source.shape[-1]))
            shares = F.adaptive_avg_pool2d(maps.float().softmax(1)[:, 1:], feature.shape[-2:])
            pooled = self.glyph_rnn[scale](pooled)
            added = added + einsum('ntd,nthw->ndhw', pooled, shares.to(pooled.dtype))
        return feature + self.project(added)

    def loss(self, host: HostView) -> dict[str, Tensor]:
        """Losses of text mask, alignment and character maps."""
        glyphs = host.kept.get(self)
        if glyphs is None:
            glyphs = self(*(host.output(path) for path in self.reads), host.feature)
        attention = host.attention
        steps = min(attention.shape[1], self.max_seq_len)
        lengths = word_lengths(host.data_samples, steps, attention.device)
        attention = self._columns(attention)
        gray = host.gray()
        masks = batch_text_masks([] if host.rectified else host.data_samples, gray)
        mask_logits = self.segmentation([glyphs.fused])
        losses = dict(loss_mask=self.loss_mask(mask_logits, masks))
        foreground = text_pixels(mask_logits)
        losses.update(self.loss_alignment(attention, foreground, lengths))
        sizes = {scale: tuple(maps.shape[-2:]) for scale, maps in glyphs.maps.items()}
        labels = self.pseudo_labels(attention.detach(), foreground, lengths, sizes)
        losses.update({f'loss_glyph_{scale}': self.loss_glyph(maps, labels[scale], lengths)
                       for scale, maps in glyphs.maps.items()})
        return {name: self.loss_weight * loss for name, loss in losses.items()}

    def _columns(self, attention: Tensor) -> Tensor:
        """Attention (N, T', h, w) as (N, T, w), summed over rows."""
        columns = attention.float().sum(2)[:, :self.max_seq_len]
        return F.pad(columns, (0, 0, 0, self.max_seq_len - columns.shape[1]))
