from .biased_db_head import BiasedDBHead
from .glyph_head import GlyphHead
from .glyph_supervision import GlyphSupervision
from .implicit_aligner import ImplicitAligner
from .segmentation_head import SegmentationHead

__all__ = ['BiasedDBHead', 'GlyphHead', 'GlyphSupervision', 'ImplicitAligner', 'SegmentationHead']
