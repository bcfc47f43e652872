from __future__ import annotations

from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from torch import Tensor

from ...structures.encodings import GlyphEncoding
from ..layers.attention_decoder import (
    AttentionCache,
    AttentionDecoder,
    AttentionWeights,
    State,
    attend,
    attention_cache,
    attention_start,
    attention_weights,
    classify,
)
from ..utils.feature_hooks import FeatureHook, FeatureHooks
from .base import Samples, WordDecoder


@MODELS.register_module()
class ImplicitAttentionDecoder(WordDecoder):
    """Additive-attention LSTM decoder over a column sequence, without glyph features.

    Together with ``SIGAEncoder(pyramid=None)`` it is the recognizer that SIGA starts from.

    Args:
        dictionary (dict or Dictionary): Needs an end token.
        in_channels (int): Channels D of the context.
        hidden_size (int): LSTM units.
        **kwargs: As in :class:`WordDecoder`.
    """

    def __init__(self, dictionary: dict | Dictionary, in_channels: int = 256,
                 hidden_size: int = 256, **kwargs) -> None:
        super().__init__(dictionary, **kwargs)
        self.cell = AttentionDecoder(in_channels, hidden_size, self.num_classes)

    def prepare(self, memory: GlyphEncoding, data_samples: Samples | None = None) -> AttentionCache:
        """Project the context."""
        return attention_cache([self.cell], self.kept or self.weights(), memory.context,
                               valid=memory.valid)

    def weights(self, inference: bool = False) -> AttentionWeights:
        """Of the one decoder."""
        return attention_weights([self.cell])

    def start(self, cache: AttentionCache) -> tuple[State, Tensor]:
        """Zeros and the start token."""
        state = attention_start(cache)
        return state, self.start_tokens(state[0])

    def step(self, cache: AttentionCache, state: State, tokens: Tensor,
             t: int) -> tuple[State, dict[str, Tensor], Tensor]:
        """One step: logits (N, K) and attention (N, w)."""
        state, _, attention = attend(cache, state, tokens, t)
        return state, dict(word=classify(cache, state)[0]), attention[:, 0]

    def feature_hooks(self) -> FeatureHooks:
        """Where plug-ins find map, classifier and attention."""
        return FeatureHooks(FeatureHook('encoder', index='context'), 'decoder.cell.classifier',
                            FeatureHook('decoder.steps', index='attention'), in_reading=True)
