from __future__ import annotations

from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from torch import Tensor

from ...structures.encodings import GlyphEncoding
from ..layers.attention_decoder import AttentionCache, AttentionDecoder, AttentionWeights, State
from ..utils.feature_hooks import FeatureHook, FeatureHooks
from .base import Samples, WordDecoder


@MODELS.register_module()
class ImplicitAttentionDecoder(WordDecoder):
    """Additive-attention LSTM decoder over a column sequence, without glyph features.

    Together with ``SIGAEncoder(pyramid=None)`` it is the recognizer that SIGA starts from.
    ``in_channels`` are those of the context, ``coverage`` is that of :class:`AttentionDecoder`.
    """

    def __init__(self, dictionary: dict | Dictionary, in_channels: int = 256,
                 hidden_size: int = 256, coverage: dict | None = None, **kwargs) -> None:
        super().__init__(dictionary, **kwargs)
        self.cell = AttentionDecoder(in_channels, hidden_size, self.num_classes,
                                     coverage=coverage)

    def prepare(self, memory: GlyphEncoding, data_samples: Samples | None = None) -> AttentionCache:
        return AttentionCache.of([self.cell], self.kept or self.weights(), memory.context,
                                 valid=memory.valid)

    def weights(self, inference: bool = False) -> AttentionWeights:
        return AttentionWeights.of([self.cell])

    def start(self, cache: AttentionCache) -> tuple[State, Tensor]:
        state = cache.start()
        return state, self.start_tokens(state[0])

    def step(self, cache: AttentionCache, state: State, tokens: Tensor,
             t: int) -> tuple[State, dict[str, Tensor], Tensor]:
        state, _, attention = cache.step(state, tokens, t)
        return state, dict(word=cache.classify(state)[0]), attention[:, 0]

    def feature_hooks(self) -> FeatureHooks:
        return FeatureHooks(FeatureHook('encoder', index='context'), 'decoder.cell.classifier',
                            FeatureHook('decoder.steps', index='attention'), in_reading=True)
