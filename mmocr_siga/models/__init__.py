"""Recognisers, their parts, pseudo-labels and losses."""
from . import common
from .decoders import ImplicitAttentionDecoder, SIGADecoder, SIGAParallelDecoder
from .encoders import SIGAEncoder
from .heads import GlyphHead, ImplicitAligner, SegmentationHead
from .layers import PVAM
from .losses import AlignmentLoss, GlyphLoss, SIGAWordLoss, TextMaskLoss
from .pseudo_labels import GlyphPseudoLabelGenerator
from .recognizers import GlyphRecognizer

__all__ = [
    'AlignmentLoss', 'GlyphHead', 'GlyphLoss', 'GlyphPseudoLabelGenerator', 'GlyphRecognizer',
    'ImplicitAligner', 'ImplicitAttentionDecoder', 'PVAM', 'SIGADecoder', 'SIGAEncoder',
    'SIGAParallelDecoder', 'SIGAWordLoss', 'SegmentationHead', 'TextMaskLoss', 'common'
]
