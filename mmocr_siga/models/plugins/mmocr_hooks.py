"""The feature hooks of a recognizer: its decoder says them, or stands in the table of MMOCR's."""
from __future__ import annotations

from typing import Callable

import torch
from mmengine.model import BaseModule
from mmocr.models.textrecog import decoders
from torch import Tensor, nn
from torch.nn import functional as F

from ..pseudo_labels.functional import at_least_float32
from ..utils.feature_hooks import Calls, FeatureHook, FeatureHooks


class SARHooks(FeatureHooks):
    """SAR, parallel and sequential: of the prediction layer, which takes hidden state, glimpse and
    holistic feature, the weights of the glimpse are the classifier of a position."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__(_decoder_input(0), 'decoder.prediction', 'decoder.conv1x1_2', scores=True,
                         mask_padding=decoder.mask,
                         skip_steps=int(isinstance(decoder, decoders.ParallelSARDecoder)))

    def classify(self, recognizer: BaseModule, positions: Tensor) -> Tensor:
        decoder, start = recognizer.decoder, 0
        if decoder.pred_concat:
            # The hidden state comes first, which the layer of the query takes.
            query = decoder.conv1x1_1
            start = query.in_features if isinstance(query, nn.Linear) else query.in_channels
        weight = decoder.prediction.weight[:, start:start + positions.shape[-1]]
        return F.linear(positions, weight, decoder.prediction.bias)


class RobustScannerHooks(FeatureHooks):
    """RobustScanner: a position is classified as if both branches attended to it alone. The
    attention is the sequence branch's, computed again from what its layer took."""

    def __init__(self, decoder: nn.Module) -> None:
        value = 1 if decoder.hybrid_decoder.encode_value else 0
        super().__init__(_decoder_input(value), 'decoder.prediction',
                         FeatureHook('decoder.hybrid_decoder.attention_layer', 'input'))

    def classify(self, recognizer: BaseModule, positions: Tensor) -> Tensor:
        decoder = recognizer.decoder
        fused = decoder.glu_layer(decoder.linear_layer(torch.cat([positions, positions], -1)))
        return decoder.prediction(fused)

    def attention(self, recognizer: BaseModule, calls: Calls, size: tuple[int, int],
                  valid: Tensor | None) -> Tensor:
        query, key, _, mask = calls[self.attention_hook.path][-1].args
        scale = recognizer.decoder.hybrid_decoder.attention_layer.scale
        scores = at_least_float32(query.transpose(1, 2) @ key * scale)
        if mask is not None:
            scores = scores.masked_fill(mask[:, None], float('-inf'))
        return scores.softmax(-1).unflatten(2, size)


def _decoder_input(index: int) -> FeatureHook:
    return FeatureHook('decoder', 'input', index)


KNOWN: dict[type, Callable[[nn.Module], FeatureHooks]] = {
    decoders.ParallelSARDecoder: SARHooks,
    decoders.SequentialSARDecoder: SARHooks,
    decoders.ASTERDecoder: lambda decoder: FeatureHooks(
        _decoder_input(1), 'decoder.fc', 'decoder.proj_sum', scores=True),
    # What the dropout of the last layer takes: the attention before any of it is dropped.
    decoders.NRTRDecoder: lambda decoder: FeatureHooks(
        _decoder_input(1), 'decoder.classifier',
        FeatureHook('decoder.layer_stack.-1.enc_attn.attention.dropout', 'input'),
        size_like=_decoder_input(0)),
    decoders.MasterDecoder: lambda decoder: FeatureHooks(
        'decoder.feat_positional_encoding', 'decoder.cls',
        FeatureHook('decoder.decoder_layers.-1.attentions.1.attn', index=1), size_like='backbone'),
    decoders.RobustScannerFuser: RobustScannerHooks,
    decoders.ABIFuser: lambda decoder: FeatureHooks(
        _decoder_input(1), 'decoder.vision_decoder.cls',
        FeatureHook('decoder.vision_decoder', index='attn_scores')),
}


def feature_hooks_of(recognizer: nn.Module) -> FeatureHooks:
    """The feature hooks of a recognizer: its ``decoder.feature_hooks()``, or known by its type.

    Raises:
        ValueError: If there are none; tells what to do.
    """
    decoder = getattr(recognizer, 'decoder', None)
    if hasattr(decoder, 'feature_hooks'):
        return decoder.feature_hooks()
    for kind, hooks in KNOWN.items():
        if isinstance(decoder, kind):
            return hooks(decoder)
    raise ValueError(
        f'no feature hooks are known for the decoder {type(decoder).__name__}; known are those of '
        f'this package and {", ".join(kind.__name__ for kind in KNOWN)}. Give the decoder a method '
        'feature_hooks, or tell where the feature map and the classifier of this recognizer are: '
        "hooks=dict(type='FeatureHooks', feature='encoder', classifier='decoder.fc')")
