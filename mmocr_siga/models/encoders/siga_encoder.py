"""SIGA's encoder: a 1-D context for the decoder's attention and glyph features at two scales.

N batch, T steps (max_seq_len characters and the end token), w columns, D channels.
"""
from collections.abc import Sequence
from typing import Optional

import torch
from mmocr.models.textrecog.encoders import BaseEncoder
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType, OptConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ...structures.encodings import SCALES, GlyphEncoding
from ..layers import BidirectionalLSTM, conv_bn_relu, deconv_bn_relu, valid_columns
from ..necks import PyramidFusion


@MODELS.register_module()
class SIGAEncoder(BaseEncoder):
    """Columns for implicit attention and one feature vector per character from glyph attention.

    The last backbone map is brought to one row (strided (2, 3) convolutions, then the mean of the
    rows left) and goes through two BiLSTMs. Two finer maps go through a :class:`PyramidFusion`,
    whose results predict :math:`T + 1` maps each; the softmax over *space* of maps 1 to T pools the
    features of that scale into one vector per character, in reading order, and a BiLSTM per scale
    relates them (SIGA, CVPR 2023, glyph attention network).

    Args:
        in_channels: Channels of the backbone's outputs, in their order.
        pyramid: Which outputs are the fine and the coarse scale of the glyph maps; with ``fusion``,
            the maps it takes. None switches the glyph branch off.
        pyramid_scale: (height, width) ratio of the two.
        fusion: Config of another trunk, as :class:`TokenPyramidFusion`, with an attribute
            ``channels``, those of the fused fine and coarse map.
        glyph_sources: Which output the features of each scale are made of; None: those of
            ``pyramid``.
        glyph_layers: Arguments of :func:`glyph_layer` for each scale.
        context: Which output the columns are made of.
        row_convs: How many (2, 3) convolutions with stride (2, 1) halve its height.
        recurrent: Whether BiLSTMs make the context of the columns; else a linear layer does, which
            is enough where a transformer has related them, and sees no padding.
        sequence: Config of another encoder that makes the context of the maps, in the place of
            these convolutions and BiLSTMs: a sequence (N, w, ``context_channels``).
        context_channels: Channels of the context; ``hidden_size`` unless given.
        column_context: Whether the columns' context is added to the coarse map, for backbones whose
            coarse map does not see the whole word: which character a stroke belongs to is a matter
            of counting from the left.
        detached: Whether the glyph branch leaves backbone and context as they are: no gradient of
            it reaches them. For a backbone that knows more than the words at hand can teach.
        hidden_size: Channels D of glyph features, and LSTM units.
    """

    def __init__(self, in_channels: Sequence[int], pyramid: Optional[Sequence[int]] = (0, 1),
                 pyramid_scale: tuple[int, int] = (2, 2), fusion: OptConfigType = None,
                 glyph_sources: Optional[dict[str, int]] = None,
                 glyph_layers: Optional[dict[str, dict]] = None, context: int = -1,
                 row_convs: int = 2, column_context: bool = False, fusion_channels: int = 128,
                 hidden_size: int = 256, max_seq_len: int = 25, sequence: OptConfigType = None,
                 context_channels: Optional[int] = None, detached: bool = False,
                 recurrent: bool = True, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.in_channels = tuple(in_channels)
        self.detached = detached
        self.pyramid = None if pyramid is None else tuple(pyramid)
        self.context_index = context
        channels, context_channels = in_channels[context], context_channels or hidden_size
        self.sequence = None if sequence is None else MODELS.build(sequence)
        if sequence is None:
            self.row_convs = nn.Sequential(*(
                conv_bn_relu(channels, channels, (2, 3), (2, 1), (0, 1)) for _ in range(row_convs)))
            self.context = nn.Sequential(
                BidirectionalLSTM(channels, hidden_size, hidden_size),
                BidirectionalLSTM(hidden_size, hidden_size, context_channels)
            ) if recurrent else nn.Linear(channels, context_channels)
        if self.pyramid is not None:
            self.column_context = None
            if column_context:
                self.column_context = nn.Linear(context_channels, in_channels[self.pyramid[-1]])
            if fusion is None:
                self.fusion = PyramidFusion([in_channels[i] for i in self.pyramid],
                                            fusion_channels, pyramid_scale)
                fused = (fusion_channels, fusion_channels)
            else:
                self.fusion = MODELS.build(fusion)
                fused = self.fusion.channels
            fine, *_, coarse = self.pyramid
            self.glyph_sources = dict(glyph_sources or dict(fine=fine, coarse=coarse))
            if set(self.glyph_sources) != set(SCALES):
                raise ValueError(f'glyph_sources names one output for each of {SCALES}, got '
                                 f'{self.glyph_sources}')
            layers = glyph_layers or {}
            self.glyph_maps = nn.ModuleDict(
                {s: nn.Conv2d(c, max_seq_len + 2, 1) for s, c in zip(SCALES, fused)})
            self.glyph_features = nn.ModuleDict(
                {s: glyph_layer(in_channels[self.glyph_sources[s]], hidden_size,
                                **layers.get(s, {})) for s in SCALES})
            self.glyph_rnn = nn.ModuleDict(
                {s: BidirectionalLSTM(hidden_size, hidden_size, hidden_size) for s in SCALES})

    def forward(self, feat: Sequence[Tensor],
                data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> GlyphEncoding:
        """Encode a pyramid, (N, C_i, h_i, w_i) each; the samples tell the padding."""
        check_maps(self, feat)
        if self.sequence is None:
            sequence = self.row_convs(feat[self.context_index]).mean(2).transpose(1, 2)
            context = self.context(sequence)
        else:
            context = sequence = self.sequence(feat, data_samples)
        device = sequence.device
        valid = valid_columns(data_samples, sequence.shape[1], device)
        if self.pyramid is None:
            return GlyphEncoding(sequence, context, valid, {}, {}, None)

        if self.detached:
            feat = [x.detach() for x in feat]
        *finer, coarse = (feat[i] for i in self.pyramid)
        fine, coarse = self.fusion(*finer, self._with_context(coarse, context))
        maps, glyphs = {}, {}
        for scale, fused in zip(SCALES, (fine, coarse)):
            maps[scale] = self.glyph_maps[scale](fused)
            source = feat[self.glyph_sources[scale]]
            columns = valid_columns(data_samples, fused.shape[-1], device)
            pooled = pool_glyphs(maps[scale], self.glyph_features[scale](source), columns)
            glyphs[scale] = self.glyph_rnn[scale](pooled)
        return GlyphEncoding(sequence, context, valid, maps, glyphs, fine)

    def _with_context(self, coarse: Tensor, context: Tensor) -> Tensor:
        """Add the context (N, w, D) to every row of the coarse map (N, C, h', w')."""
        if self.column_context is None:
            return coarse
        context = context.detach() if self.detached else context
        columns = self.column_context(context).transpose(1, 2)
        if columns.shape[-1] != coarse.shape[-1]:
            columns = F.interpolate(columns, size=coarse.shape[-1], mode='linear',
                                    align_corners=False)
        return coarse + columns.unsqueeze(2)


def check_maps(encoder: BaseEncoder, feat: Sequence[Tensor]) -> None:
    """Raise ValueError unless the maps have the encoder's ``in_channels``."""
    channels = None if isinstance(feat, Tensor) else tuple(f.shape[1] for f in feat)
    if channels != encoder.in_channels:
        got = 'a single map' if channels is None else f'maps of {channels} channels'
        raise ValueError(f'{type(encoder).__name__} was built for maps of {encoder.in_channels} '
                         f'channels and got {got}: set out_indices of the backbone and in_channels '
                         'to agree')


def glyph_layer(in_channels: int, out_channels: int, kernel: int = 3, groups: int = 1,
                up: bool = False) -> nn.Sequential:
    """What turns a backbone's map into the features that glyph maps pool: a convolution with an odd
    kernel, or a learned up-sampling by two (``up``)."""
    if up:
        return deconv_bn_relu(in_channels, out_channels, (2, 2))
    return conv_bn_relu(in_channels, out_channels, kernel, padding=kernel // 2, groups=groups)


def pool_glyphs(maps: Tensor, features: Tensor, valid: Optional[Tensor] = None) -> Tensor:
    """Pool features by the softmax over space of each character's map: logits (N, T + 1, h, w),
    channel 0 background, and features (N, D, h, w) -> (N, T, D). ``valid`` (N, w) bool is False
    where a column is padding."""
    logits = maps[:, 1:].float()
    if valid is not None:
        logits = logits.masked_fill(~valid[:, None, None], float('-inf'))
    weights = logits.flatten(2).softmax(-1).to(features.dtype)
    return torch.bmm(weights, features.flatten(2).transpose(1, 2))
