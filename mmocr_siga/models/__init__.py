"""Recognisers, their parts, pseudo-labels and losses."""
from . import common
from .decoders import ImplicitAttentionDecoder, SIGADecoder
from .encoders import SIGAEncoder
from .heads import GlyphHead, ImplicitAligner, SegmentationHead
from .losses import AlignmentLoss, GlyphLoss, SIGAWordLoss, TextMaskLoss
from .plugins import GlyphPlugin, ModuleTap, Plugin, SECLoss
from .pseudo_labels import GlyphPseudoLabelGenerator
from .recognizers import (
    GlyphRecognizer,
    PluggedGlyphRecognizer,
    PluggedRecognizer,
    PluginMixin,
)

__all__ = [
    'AlignmentLoss', 'GlyphHead', 'GlyphLoss', 'GlyphPlugin', 'GlyphPseudoLabelGenerator',
    'GlyphRecognizer', 'ImplicitAligner', 'ImplicitAttentionDecoder', 'ModuleTap',
    'PluggedGlyphRecognizer', 'PluggedRecognizer', 'Plugin', 'PluginMixin', 'SECLoss',
    'SIGADecoder', 'SIGAEncoder', 'SIGAWordLoss', 'SegmentationHead', 'TextMaskLoss', 'common'
]
