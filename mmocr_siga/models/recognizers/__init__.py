from .glyph_recognizer import GlyphRecognizer
from .plugged_recognizer import PluggedGlyphRecognizer, PluggedRecognizer, PluginMixin

__all__ = ['GlyphRecognizer', 'PluggedGlyphRecognizer', 'PluggedRecognizer', 'PluginMixin']
