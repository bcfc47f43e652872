from .attention_decoder import AttentionDecoder, DecoderMemory, StepOutput, unroll
from .beam_search import (
    Hypothesis,
    beam_search,
    greedy_hypotheses,
    merged,
    steps_nbest,
)
from .conv_blocks import conv_bn_relu, deconv_bn_relu
from .gated_fusion import GatedFusion
from .greedy_reading import (
    BranchBuffers,
    BranchMemory,
    BranchState,
    BranchWeights,
    TokenLSTMBuffers,
    TokenLSTMWeights,
    branch_buffers,
    branch_memory,
    branch_start,
    branch_step,
    may_reuse_memory,
    mix,
    stack_branches,
    token_lstm_buffers,
    token_lstm_step,
    token_lstm_weights,
)
from .gsrm import GSRM, SemanticReasoning
from .pvam import PVAM, ParallelGlimpses
from .recompute import recomputed
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
from .transformer_encoder import TransformerEncoder
from .vsfd import VSFD
from .winograd import AdaptiveWinogradConv2d, WinogradConv2d

__all__ = [
    'AdaptiveWinogradConv2d', 'AttentionDecoder', 'BidirectionalLSTM', 'BranchBuffers',
    'BranchMemory', 'BranchState', 'BranchWeights', 'DecoderMemory', 'GSRM',
    'GatedFusion', 'Hypothesis', 'PVAM',
    'ParallelGlimpses', 'SemanticReasoning', 'StepOutput', 'TokenLSTM',
    'TokenLSTMBuffers', 'TokenLSTMWeights', 'TransformerEncoder', 'VSFD',
    'WinogradConv2d', 'WordTargets', 'beam_search', 'branch_buffers', 'branch_memory',
    'branch_start', 'branch_step', 'character_presence', 'conv_bn_relu', 'deconv_bn_relu',
    'greedy_hypotheses', 'may_reuse_memory', 'merged', 'mix', 'recomputed', 'stack_branches',
    'steps_nbest', 'targets_of_all_steps', 'token_lstm_buffers', 'token_lstm_step',
    'token_lstm_weights', 'unroll', 'valid_columns', 'word_lengths', 'word_loss', 'word_targets'
]
