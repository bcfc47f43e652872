from .attention_decoder import AttentionDecoder, DecoderMemory, StepOutput, unroll
from .gated_fusion import GatedFusion
from .pvam import PVAM, ParallelGlimpses, TransformerEncoder
from .pyramid_fusion import PyramidFusion, conv_bn_relu, deconv_bn_relu
from .sequence_lstm import BidirectionalLSTM, TokenLSTM
from .targets import WordTargets, valid_columns, word_loss, word_targets

__all__ = [
    'AttentionDecoder', 'BidirectionalLSTM', 'DecoderMemory', 'GatedFusion', 'PVAM',
    'ParallelGlimpses', 'PyramidFusion', 'StepOutput', 'TokenLSTM', 'TransformerEncoder',
    'WordTargets', 'conv_bn_relu', 'deconv_bn_relu', 'unroll', 'valid_columns', 'word_loss',
    'word_targets'
]
