"""Transforms of word images and their text masks."""
from .pack_glyph_inputs import PackGlyphInputs
from .text_mask import TextMask

__all__ = ['PackGlyphInputs', 'TextMask']
