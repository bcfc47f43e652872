"""What makes targets from images and labels while a model trains."""
from .glyph_pseudo_label_generator import GlyphPseudoLabelGenerator

__all__ = ['GlyphPseudoLabelGenerator']
