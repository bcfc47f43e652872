"""Word images: transforms, data sets and annotation formats."""
from .transforms import PackGlyphInputs, TextMask

__all__ = ['PackGlyphInputs', 'TextMask']
