"""Recognizers, their parts, pseudo-labels and losses."""
from .backbones import SIGASVTR, SIGAResNet45, SIGAViT
from .data_preprocessors import WordDataPreprocessor
from .decoders import ImplicitAttentionDecoder, SIGADecoder, SIGAParallelDecoder, SRNDecoder
from .encoders import SIGAEncoder, SRNEncoder
from .heads import GlyphHead, ImplicitAligner, SegmentationHead
from .layers import GSRM, PVAM, VSFD
from .losses import AlignmentLoss, GlyphLoss, SRNModuleLoss, TextMaskLoss, WordLoss
from .necks import TokenPyramidFusion
from .plugins import GlyphPlugin, Plugin, SECLoss
from .preprocessors import TPSRectifier
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
from .target_generators import GlyphPseudoLabelGenerator

__all__ = [
    'AlignmentLoss', 'GSRM', 'GlyphHead', 'GlyphLoss', 'GlyphPlugin', 'GlyphPseudoLabelGenerator',
    'GlyphRecognizer', 'ImplicitAligner', 'ImplicitAttentionDecoder', 'PVAM',
    'PluggedGlyphRecognizer', 'PluggedRecognizer', 'Plugin', 'PluginMixin', 'RegionExtractor',
    'RegionPyramid', 'RegionRectifier', 'SECLoss', 'SIGADecoder', 'SIGAEncoder',
    'SIGAParallelDecoder', 'SIGARecHead', 'SIGAResNet45', 'SIGARoIHead', 'SIGASVTR', 'SIGASpotter',
    'SIGAViT', 'WordLoss', 'SRNDecoder', 'SRNEncoder', 'SRNModuleLoss', 'ScenePreprocessor',
    'SegmentationHead', 'TPSRectifier', 'TextMaskLoss', 'TokenPyramidFusion', 'VSFD',
    'WordDataPreprocessor'
]
