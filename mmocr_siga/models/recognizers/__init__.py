from .disentangled_recognizer import DisentangledRecognizer
from .glyph_recognizer import GlyphRecognizer
from .in_context_recognizer import InContextRecognizer
from .plugged_recognizer import PluggedGlyphRecognizer, PluggedRecognizer, PluginMixin

__all__ = [
    'DisentangledRecognizer', 'GlyphRecognizer', 'InContextRecognizer', 'PluggedGlyphRecognizer',
    'PluggedRecognizer', 'PluginMixin'
]
