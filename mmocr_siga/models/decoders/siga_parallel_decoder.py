"""SIGA-P: glyph features are one vector per character in order, so read them all at once."""
from __future__ import annotations

from typing import NamedTuple

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import OptConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ...structures.encodings import SCALES, GlyphEncoding
from ..layers import GatedFusion
from ..utils.feature_hooks import FeatureHook, FeatureHooks
from .base import Samples, WordDecoder

# A column of which a glyph map claims nothing counts as one with this share of its pixels.
_LEAST_SHARE = 0.01


class ParallelCache(NamedTuple):
    context: Tensor  # (N, w, D)
    valid: Tensor | None  # (N, w) bool
    glyphs: dict[str, Tensor]  # (N, T, D) per scale
    expected: Tensor  # (N, T, w): logarithm of the share of a column that a character claims


@MODELS.register_module()
class SIGAParallelDecoder(WordDecoder):
    """Read the glyph features of :class:`SIGAEncoder` in parallel, without a loop over characters.

    The glyph features of both scales are mixed by a gate. The visual part, a :class:`PVAM` over the
    context, lets each character look once more: its reading order and its glyph feature ask, and
    the logarithm of the share of each column that its glyph map claims is added to the energies.
    The greatest share also tells steps with a glyph from those after the word. Glimpse and glyph
    feature are gated as in SIGA, and two linear layers tell the characters; with reasoning, a
    :class:`GSRM` reads what the gate gives and a :class:`VSFD` fuses both in their place.

    In training there is a cross-entropy for each source on its own (``loss_word_fine``,
    ``loss_word_coarse``, ``loss_word_visual``), with reasoning for what it reads and what it says
    (``loss_word_fused``, ``loss_word_semantic``), and the final one (``loss_word``). The attention
    shown is the visual part's.

    Args:
        in_channels: Channels D of context and glyph features.
        output_size: Hidden channels of the last classifier, between whose layers ``dropout`` acts.
        visual: Config of the visual part; channels and steps are filled in. None reads glyph
            features alone.
        reasoning: Config of the reasoning part, for example ``dict(type='GSRM', num_layers=1)``;
            classes, channels and steps are filled in.
        **kwargs: As in :class:`WordDecoder`; ``max_seq_len`` is the encoder's.
    """

    parallel = True

    def __init__(self, dictionary: dict | Dictionary, in_channels: int = 256,
                 output_size: int = 512, dropout: float = 0.1,
                 visual: OptConfigType = dict(type='PVAM', num_layers=0, score='dot'),  # noqa: B006
                 reasoning: OptConfigType = None, **kwargs) -> None:
        super().__init__(dictionary, **kwargs)
        classes, steps = self.num_classes, self.max_seq_len + 1
        self.fusion = GatedFusion(in_channels)
        self.presence = nn.Linear(1, in_channels, bias=False)
        self.visual = self.visual_fusion = self.reasoning = None
        sources = list(SCALES)
        if visual is not None:
            self.visual = MODELS.build(dict(visual, in_channels=in_channels, channels=in_channels,
                                            num_steps=steps))
            self.visual_fusion = GatedFusion(in_channels)
            sources.append('visual')
        self.source_classifiers = nn.ModuleDict(
            {source: nn.Linear(in_channels, classes) for source in sources})
        if reasoning is None:
            self.classifier = nn.Sequential(
                nn.Linear(in_channels, output_size), nn.ReLU(), nn.Dropout(dropout),
                nn.Linear(output_size, classes))
        else:
            self.reasoning = MODELS.build(dict(
                reasoning, num_classes=classes, channels=in_channels, num_steps=steps,
                end_idx=self.dictionary.end_idx))
            self.vsfd = MODELS.build(dict(type='VSFD', num_classes=classes, channels=in_channels))

    def prepare(self, memory: GlyphEncoding, data_samples: Samples | None = None) -> ParallelCache:
        if not memory.glyph_features:
            raise ValueError('SIGAParallelDecoder reads glyph features, and the encoder makes '
                             'none: set its pyramid')
        steps = memory.glyph_features['coarse'].shape[1]
        if steps != self.max_seq_len + 1:
            raise ValueError(f'the encoder was built for max_seq_len={steps - 1}, the decoder for '
                             f'max_seq_len={self.max_seq_len}: let them agree')
        shares = column_shares(memory.glyph_maps['coarse'], memory.context.shape[1])
        return ParallelCache(memory.context, memory.valid, memory.glyph_features,
                             shares.clamp(min=_LEAST_SHARE).log())

    def step(self, cache: ParallelCache, state: None, tokens: Tensor | None,
             t: int) -> tuple[None, dict[str, Tensor], Tensor | None]:
        """All steps; given tokens (N, T'), the first T' of them and the branches of training."""
        wanted = None if tokens is None else tokens.shape[1]
        # Reasoning reads all steps, as it will when it reads unknown words.
        steps = wanted if self.reasoning is None else None
        glyphs = {scale: cache.glyphs[scale][:, :steps] for scale in SCALES}
        expected, glimpse, attention = cache.expected[:, :steps], None, None
        feature = self.fusion(*glyphs.values())
        feature = feature + self.presence(_presence(expected, cache.valid).to(feature.dtype))
        if self.visual is not None:
            glimpse, attention = self.visual(cache.context, cache.valid, feature, expected)
            feature = self.visual_fusion(glimpse, feature)
        logits = self._classify(feature)
        if tokens is not None:
            sources = dict(glyphs, visual=glimpse)
            logits.update({f'word_{source}': classifier(sources[source])
                           for source, classifier in self.source_classifiers.items()})
            logits = {name: values[:, :wanted] for name, values in logits.items()}
        return None, logits, attention

    def feature_hooks(self) -> FeatureHooks:
        if self.visual is None:
            raise ValueError('this SIGAParallelDecoder has no visual part, and so no attention for '
                             'a plug-in to look at: build it with visual=dict(...)')
        return FeatureHooks(FeatureHook('decoder.visual.key', 'input'),
                            'decoder.source_classifiers.visual',
                            FeatureHook('decoder.steps', index='attention'), in_reading=True)

    def _classify(self, feature: Tensor) -> dict[str, Tensor]:
        """Logits (N, T', K) of features (N, T', D): 'word', and those of reasoning."""
        if self.reasoning is None:
            return dict(word=self.classifier(feature))
        reasoning = self.reasoning(feature)
        return dict(word_fused=reasoning.visual_logits, word_semantic=reasoning.logits,
                    word=self.vsfd(feature, reasoning.features))


def _presence(expected: Tensor, valid: Tensor | None) -> Tensor:
    """Greatest expectation (N, T, 1) of each step, about -2 (no glyph) to 2."""
    if valid is not None:
        expected = expected.masked_fill(~valid[:, None], float('-inf'))
    return expected.amax(-1, keepdim=True) + 2.3


def column_shares(maps: Tensor, width: int) -> Tensor:
    """Share of each of ``width`` columns w that the characters' glyph maps claim: logits (N, T + 1,
    h, w'), channel 0 background -> (N, T, w) in [0, 1], at least float32."""
    if maps.dtype != torch.float64:
        maps = maps.float()
    shares = maps.softmax(1)[:, 1:].mean(2)
    if shares.shape[-1] == width:
        return shares
    return F.interpolate(shares, size=width, mode='linear', align_corners=False)
