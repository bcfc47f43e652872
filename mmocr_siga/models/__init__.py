"""Recognisers, their parts, pseudo-labels and losses."""
from . import common
from .backbones import SIGASVTR, SIGAResNet45, SIGAViT
from .decoders import ImplicitAttentionDecoder, SIGADecoder
from .encoders import SIGAEncoder
from .heads import GlyphHead, ImplicitAligner, SegmentationHead
from .layers import TokenPyramidFusion
from .losses import AlignmentLoss, GlyphLoss, SIGAWordLoss, TextMaskLoss
from .preprocessors import TPSRectifier
from .pseudo_labels import GlyphPseudoLabelGenerator
from .recognizers import GlyphRecognizer

__all__ = [
    'AlignmentLoss', 'GlyphHead', 'GlyphLoss', 'GlyphPseudoLabelGenerator', 'GlyphRecognizer',
    'ImplicitAligner', 'ImplicitAttentionDecoder', 'SIGADecoder', 'SIGAEncoder', 'SIGAResNet45',
    'SIGASVTR', 'SIGAViT', 'SIGAWordLoss', 'SegmentationHead', 'TPSRectifier', 'TextMaskLoss',
    'TokenPyramidFusion', 'common'
]
