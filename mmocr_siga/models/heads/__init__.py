from .biased_db_head import BiasedDBHead
from .destylisation_head import DestylisationHead
from .distillation_head import DistillationHead
from .glyph_head import GlyphHead
from .glyph_supervision import GlyphSupervision
from .implicit_aligner import ImplicitAligner
from .segmentation_head import SegmentationHead
from .styled_image_head import StyledImageHead
from .token_segmentation_head import TokenSegmentationHead

__all__ = [
    'BiasedDBHead', 'DestylisationHead', 'DistillationHead', 'GlyphHead', 'GlyphSupervision',
    'ImplicitAligner', 'SegmentationHead', 'StyledImageHead', 'TokenSegmentationHead'
]
