from .glyph_recognizer import GlyphRecognizer

__all__ = ['GlyphRecognizer']
