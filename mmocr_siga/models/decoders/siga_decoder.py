"""SIGA's decoder: attention glimpses gated with glyph features at two scales."""
from __future__ import annotations

from typing import NamedTuple

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from torch import Tensor, nn

from ...structures.encodings import SCALES, GlyphEncoding
from ..layers import GatedFusion, TokenLSTM
from ..layers.attention_decoder import AttentionCache, AttentionDecoder, AttentionWeights, State
from ..layers.gated_fusion import mix
from ..layers.sequence_lstm import TokenLSTMWeights
from ..utils.feature_hooks import FeatureHook, FeatureHooks
from .base import Samples, WordDecoder

_BRANCHES = tuple(f'word_{scale}' for scale in SCALES)


class SIGACache(NamedTuple):
    """What no step changes, or, as weights, what no word changes."""

    attention: AttentionCache | AttentionWeights  # of both scales
    reader: TokenLSTMWeights  # of the last decoder
    folded: bool  # whether it reads the fused glimpses, the projection being in its weights


class SIGAState(NamedTuple):
    branches: State  # of both scales
    reader: tuple[Tensor, Tensor]  # (N, H') each, the last decoder's


@MODELS.register_module()
class SIGADecoder(WordDecoder):
    """Glyph attention decoder of SIGA (CVPR 2023).

    Per scale an :class:`AttentionDecoder` over the context fuses each glimpse with the character's
    glyph feature; the fused vectors of both scales are mixed by the same kind of gate, projected,
    and read by a last LSTM. Each has a cross-entropy (``loss_word_fine``, ``loss_word_coarse``,
    ``loss_word``); in greedy reading all three feed back their own characters. The attention shown
    is the finer scale's.

    ``in_channels`` are those of context and glyph features, ``hidden_size`` the units of the two
    attention decoders, which ``coverage`` goes to, ``output_size`` those of the last one, before
    which ``dropout`` acts.
    """

    def __init__(self, dictionary: dict | Dictionary, in_channels: int = 256,
                 hidden_size: int = 256, output_size: int = 512, dropout: float = 0.3,
                 coverage: dict | None = None, **kwargs) -> None:
        super().__init__(dictionary, **kwargs)
        classes = self.num_classes
        self.branches = nn.ModuleDict({
            scale: AttentionDecoder(in_channels, hidden_size, classes, glyphs=True,
                                    coverage=coverage)
            for scale in SCALES})
        self.fusion = GatedFusion(in_channels)
        self.project = nn.Linear(in_channels, output_size)
        self.dropout = nn.Dropout(dropout)
        self.reader = TokenLSTM(output_size, output_size, classes, in_channels)

    def prepare(self, memory: GlyphEncoding, data_samples: Samples | None = None) -> SIGACache:
        weights, dtype = self.kept or self.weights(), memory.context.dtype
        attention = AttentionCache.of(
            tuple(self.branches.values()), weights.attention, memory.context,
            [memory.glyph_features[scale] for scale in SCALES], memory.valid)
        return SIGACache(attention, weights.reader.map(lambda x: x.to(dtype)), weights.folded)

    def weights(self, inference: bool = False) -> SIGACache:
        """Of the three decoders; in inference the projection is folded into the last one."""
        return SIGACache(AttentionWeights.of(tuple(self.branches.values())),
                         self.reader.weights(self.project if inference else None), inference)

    def start(self, cache: SIGACache) -> tuple[SIGAState, Tensor]:
        memory = cache.attention.memory
        state = SIGAState(cache.attention.start(), self.reader.start(memory))
        return state, self.start_tokens(memory)[:, None].expand(-1, 3)

    def step(self, cache: SIGACache, state: SIGAState, tokens: Tensor,
             t: int) -> tuple[SIGAState, dict[str, Tensor], Tensor]:
        """One step of the three decoders, all fed ``tokens`` (N,) or each its own (N, 3)."""
        own, read = (tokens, tokens) if tokens.dim() == 1 else (tokens[:, :-1], tokens[:, -1])
        branches, glimpses, attention = cache.attention.step(state.branches, own, t)
        gate = torch.sigmoid(self.fusion.gate(glimpses.flatten(1)))
        feature = mix(gate, *torch.tanh(glimpses).unbind(1))
        if not cache.folded:
            feature = self.dropout(self.project(feature))
        reader, logits = self.reader.step(cache.reader, feature, read, state.reader)
        by_branch = dict(zip(_BRANCHES, cache.attention.classify(branches)), word=logits)
        return SIGAState(branches, reader), by_branch, attention[:, 0]

    def feed_back(self, logits: dict[str, Tensor]) -> Tensor:
        """Each decoder's own character, the word's last: (N, 3)."""
        return torch.stack(tuple(logits.values()), 1).argmax(-1)

    def feature_hooks(self) -> FeatureHooks:
        classifiers = [f'decoder.branches.{scale}.classifier' for scale in SCALES]
        return FeatureHooks(FeatureHook('encoder', index='context'), classifiers,
                            FeatureHook('decoder.steps', index='attention'), in_reading=True)
