from .glyph_head import GlyphHead, text_pixels
from .implicit_aligner import ImplicitAligner
from .segmentation_head import SegmentationHead

__all__ = ['GlyphHead', 'ImplicitAligner', 'SegmentationHead', 'text_pixels']
