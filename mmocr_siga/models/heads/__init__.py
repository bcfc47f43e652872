from .glyph_head import GlyphHead, text_pixels
from .implicit_aligner import ImplicitAligner
from .segmentation_head import SegmentationHead
from .text_masks import batch_text_masks, denormalised, gray_images

__all__ = [
    'GlyphHead', 'ImplicitAligner', 'SegmentationHead', 'batch_text_masks', 'denormalised',
    'gray_images', 'text_pixels'
]
