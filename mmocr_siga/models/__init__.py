"""Recognisers, their parts, pseudo-labels and losses."""
from . import common
from .backbones import SIGASVTR, SIGAResNet45, SIGAViT
from .decoders import ImplicitAttentionDecoder, SIGADecoder, SIGAParallelDecoder, SRNDecoder
from .encoders import SIGAEncoder, SRNEncoder
from .heads import GlyphHead, ImplicitAligner, SegmentationHead
from .layers import GSRM, PVAM, VSFD, TokenPyramidFusion
from .losses import AlignmentLoss, GlyphLoss, SIGAWordLoss, SRNModuleLoss, TextMaskLoss
from .preprocessors import TPSRectifier
from .pseudo_labels import GlyphPseudoLabelGenerator
from .recognizers import GlyphRecognizer

__all__ = [
    'AlignmentLoss', 'GSRM', 'GlyphHead', 'GlyphLoss', 'GlyphPseudoLabelGenerator',
    'GlyphRecognizer', 'ImplicitAligner', 'ImplicitAttentionDecoder', 'PVAM', 'SIGADecoder',
    'SIGAEncoder', 'SIGAParallelDecoder', 'SIGAResNet45', 'SIGASVTR', 'SIGAViT', 'SIGAWordLoss',
    'SRNDecoder', 'SRNEncoder', 'SRNModuleLoss', 'SegmentationHead', 'TPSRectifier',
    'TextMaskLoss', 'TokenPyramidFusion', 'VSFD', 'common'
]
