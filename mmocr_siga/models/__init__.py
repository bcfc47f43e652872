"""Recognisers, their parts, pseudo-labels and losses."""
from . import common
from .backbones import SIGASVTR, SIGAResNet45, SIGAViT
from .data_preprocessors import WordDataPreprocessor
from .decoders import ImplicitAttentionDecoder, SIGADecoder, SIGAParallelDecoder, SRNDecoder
from .encoders import SIGAEncoder, SRNEncoder
from .heads import GlyphHead, ImplicitAligner, SegmentationHead
from .layers import GSRM, PVAM, VSFD, TokenPyramidFusion
from .losses import AlignmentLoss, GlyphLoss, SIGAWordLoss, SRNModuleLoss, TextMaskLoss
from .plugins import GlyphPlugin, ModuleTap, Plugin, SECLoss
from .preprocessors import TPSRectifier
from .pseudo_labels import GlyphPseudoLabelGenerator
from .recognizers import (
    GlyphRecognizer,
    PluggedGlyphRecognizer,
    PluggedRecognizer,
    PluginMixin,
)
from .spotters import (
    RegionExtractor,
    RegionPyramid,
    RegionRectifier,
    ScenePreprocessor,
    SIGARecHead,
    SIGARoIHead,
    SIGASpotter,
)

__all__ = [
    'AlignmentLoss', 'GSRM', 'GlyphHead', 'GlyphLoss', 'GlyphPlugin', 'GlyphPseudoLabelGenerator',
    'GlyphRecognizer', 'ImplicitAligner', 'ImplicitAttentionDecoder', 'ModuleTap', 'PVAM',
    'PluggedGlyphRecognizer', 'PluggedRecognizer', 'Plugin', 'PluginMixin', 'RegionExtractor',
    'RegionPyramid', 'RegionRectifier', 'SECLoss', 'SIGADecoder', 'SIGAEncoder',
    'SIGAParallelDecoder', 'SIGARecHead', 'SIGAResNet45', 'SIGARoIHead', 'SIGASVTR', 'SIGASpotter',
    'SIGAViT', 'SIGAWordLoss', 'SRNDecoder', 'SRNEncoder', 'SRNModuleLoss', 'ScenePreprocessor',
    'SegmentationHead', 'TPSRectifier', 'TextMaskLoss', 'TokenPyramidFusion', 'VSFD',
    'WordDataPreprocessor', 'common'
]
