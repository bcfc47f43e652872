from .attention_decoder import AttentionDecoder
from .attention_refinement import AttentionRefinement, exclusive_sums
from .beam_search import beam_search, merged, selected, steps_nbest
from .causal_layer import CausalLayer, Past
from .clustering_transformer import ClusteringTransformer
from .conv_blocks import conv_bn_relu, deconv_bn_relu
from .coverage_layer import CoverageLayer
from .deformable_conv import DeformableConv2d, deformable_conv2d
from .gated_cross_attention import GatedCrossAttention
from .gated_fusion import GatedFusion
from .gsrm import GSRM, SemanticReasoning
from .latent_resampler import LatentResampler
from .pvam import PVAM, ParallelGlimpses
from .recompute import recomputed
from .region_pooling import pool_regions
from .rotary import RotaryAttention, attend, axial_angles, grid_positions, rotary_angles, rotate
from .sequence_lstm import BidirectionalLSTM, TokenLSTM
from .sinusoids import sinusoids
from .squeeze_excite import SqueezeExcite
from .targets import (
    character_presence,
    targets_of_all_steps,
    valid_columns,
    word_lengths,
    word_loss,
    word_targets,
)
from .text_image_decoder import TextImageDecoder
from .transformer_encoder import RotaryLayer, TransformerEncoder
from .vsfd import VSFD
from .word_rows import fed_words, findable, visible_before, visible_others

__all__ = [
    'AttentionDecoder', 'AttentionRefinement', 'BidirectionalLSTM', 'CausalLayer',
    'ClusteringTransformer', 'CoverageLayer', 'DeformableConv2d', 'GSRM', 'GatedCrossAttention',
    'GatedFusion', 'LatentResampler', 'PVAM', 'ParallelGlimpses', 'Past', 'RotaryAttention',
    'RotaryLayer', 'SemanticReasoning', 'SqueezeExcite', 'TextImageDecoder', 'TokenLSTM',
    'TransformerEncoder', 'VSFD', 'attend', 'axial_angles', 'beam_search', 'character_presence',
    'conv_bn_relu', 'deconv_bn_relu', 'deformable_conv2d', 'exclusive_sums', 'fed_words',
    'findable', 'grid_positions', 'merged', 'pool_regions', 'recomputed', 'rotary_angles', 'rotate',
    'selected', 'sinusoids', 'steps_nbest', 'targets_of_all_steps', 'valid_columns',
    'visible_before', 'visible_others', 'word_lengths', 'word_loss', 'word_targets'
]
