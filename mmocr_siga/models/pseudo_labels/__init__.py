from .glyph_pseudo_label_generator import GlyphPseudoLabelGenerator

__all__ = ['GlyphPseudoLabelGenerator']
