from .attention_decoder import AttentionDecoder
from .beam_search import beam_search, merged, selected, steps_nbest
from .conv_blocks import conv_bn_relu, deconv_bn_relu
from .gated_fusion import GatedFusion
from .gsrm import GSRM, SemanticReasoning
from .pvam import PVAM, ParallelGlimpses
from .recompute import recomputed
from .sequence_lstm import BidirectionalLSTM, TokenLSTM
from .squeeze_excite import SqueezeExcite
from .targets import (
    character_presence,
    targets_of_all_steps,
    valid_columns,
    word_lengths,
    word_loss,
    word_targets,
)
from .transformer_encoder import TransformerEncoder
from .vsfd import VSFD

__all__ = [
    'AttentionDecoder', 'BidirectionalLSTM', 'GSRM', 'GatedFusion', 'PVAM', 'ParallelGlimpses',
    'SemanticReasoning', 'SqueezeExcite', 'TokenLSTM', 'TransformerEncoder', 'VSFD', 'beam_search',
    'character_presence', 'conv_bn_relu', 'deconv_bn_relu', 'merged', 'recomputed',
    'selected', 'steps_nbest', 'targets_of_all_steps', 'valid_columns',
    'word_lengths', 'word_loss', 'word_targets'
]
