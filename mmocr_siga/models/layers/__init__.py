from .attention_decoder import AttentionDecoder, DecoderMemory, StepOutput, unroll
from .column_neck import ColumnNeck
from .gated_fusion import GatedFusion
from .pyramid_fusion import PyramidFusion, conv_bn_relu, deconv_bn_relu
from .sequence_lstm import BidirectionalLSTM, TokenLSTM
from .targets import WordTargets, valid_columns, word_loss, word_targets
from .token_pyramid_fusion import TokenPyramidFusion

__all__ = [
    'AttentionDecoder', 'BidirectionalLSTM', 'ColumnNeck', 'DecoderMemory', 'GatedFusion',
    'PyramidFusion', 'StepOutput', 'TokenLSTM', 'TokenPyramidFusion', 'WordTargets',
    'conv_bn_relu', 'deconv_bn_relu', 'unroll', 'valid_columns', 'word_loss', 'word_targets'
]
