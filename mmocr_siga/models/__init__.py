"""Recognisers, their parts, pseudo-labels and losses."""
from . import common
from .decoders import ImplicitAttentionDecoder, SIGADecoder, SIGAParallelDecoder, SRNDecoder
from .encoders import SIGAEncoder, SRNEncoder
from .heads import GlyphHead, ImplicitAligner, SegmentationHead
from .layers import GSRM, PVAM, VSFD
from .losses import AlignmentLoss, GlyphLoss, SIGAWordLoss, SRNModuleLoss, TextMaskLoss
from .pseudo_labels import GlyphPseudoLabelGenerator
from .recognizers import GlyphRecognizer

__all__ = [
    'AlignmentLoss', 'GSRM', 'GlyphHead', 'GlyphLoss', 'GlyphPseudoLabelGenerator',
    'GlyphRecognizer', 'ImplicitAligner', 'ImplicitAttentionDecoder', 'PVAM', 'SIGADecoder',
    'SIGAEncoder', 'SIGAParallelDecoder', 'SIGAWordLoss', 'SRNDecoder', 'SRNEncoder',
    'SRNModuleLoss', 'SegmentationHead', 'TextMaskLoss', 'VSFD', 'common'
]
