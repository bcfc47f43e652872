from .attention_decoder import AttentionDecoder, DecoderMemory, StepOutput, unroll
from .beam_search import (
    Hypothesis,
    beam_search,
    greedy_hypotheses,
    merged,
    steps_nbest,
)
from .column_neck import ColumnNeck
from .gated_fusion import GatedFusion
from .gsrm import GSRM, SemanticReasoning
from .pvam import PVAM, ParallelGlimpses
from .pyramid_fusion import PyramidFusion, conv_bn_relu, deconv_bn_relu
from .sequence_lstm import BidirectionalLSTM, TokenLSTM
from .targets import (
    WordTargets,
    character_presence,
    targets_of_all_steps,
    valid_columns,
    word_lengths,
    word_loss,
    word_targets,
)
from .token_pyramid_fusion import TokenPyramidFusion
from .transformer_encoder import TransformerEncoder
from .vsfd import VSFD

__all__ = [
    'AttentionDecoder', 'BidirectionalLSTM', 'ColumnNeck', 'DecoderMemory', 'GSRM', 'GatedFusion',
    'Hypothesis', 'PVAM', 'ParallelGlimpses', 'PyramidFusion', 'SemanticReasoning', 'StepOutput',
    'TokenLSTM', 'TokenPyramidFusion', 'TransformerEncoder', 'VSFD', 'WordTargets', 'beam_search',
    'character_presence', 'conv_bn_relu', 'deconv_bn_relu', 'greedy_hypotheses', 'merged',
    'steps_nbest', 'targets_of_all_steps', 'unroll', 'valid_columns', 'word_lengths', 'word_loss',
    'word_targets'
]
