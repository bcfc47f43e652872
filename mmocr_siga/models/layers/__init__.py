from .attention_decoder import AttentionDecoder, DecoderMemory, StepOutput, unroll
from .gated_fusion import GatedFusion
from .pyramid_fusion import PyramidFusion, conv_bn_relu, deconv_bn_relu
from .sequence_lstm import BidirectionalLSTM, TokenLSTM
from .targets import (
    WordTargets,
    character_presence,
    valid_columns,
    word_lengths,
    word_loss,
    word_targets,
)

__all__ = [
    'AttentionDecoder', 'BidirectionalLSTM', 'DecoderMemory', 'GatedFusion', 'PyramidFusion',
    'StepOutput', 'TokenLSTM', 'WordTargets', 'character_presence', 'conv_bn_relu',
    'deconv_bn_relu', 'unroll', 'valid_columns', 'word_lengths', 'word_loss', 'word_targets'
]
