"""Parts that plug into recognizers of others: losses, and features added to what they read."""
from .base import ForwardPass, Plugin
from .coverage_loss import CoverageLoss
from .ctc_distillation import CTCDistillation
from .glyph_plugin import GlyphPlugin
from .grouping_plugin import GroupingPlugin
from .mmocr_hooks import feature_hooks_of
from .sec_loss import SECLoss
from .teacher_forced_attention import teacher_forced_attention

__all__ = [
    'CTCDistillation', 'CoverageLoss', 'ForwardPass', 'GlyphPlugin', 'GroupingPlugin', 'Plugin',
    'SECLoss', 'feature_hooks_of', 'teacher_forced_attention'
]
