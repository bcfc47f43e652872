"""Scene-text-like word crops from installed fonts: a fast, reproducible renderer."""
from .backgrounds import find_photographs
from .fonts import FontFace, FontLibrary, find_font_files
from .renderer import RenderedWord, WordRenderer
from .styles import PRESETS, RenderStyle
from .words import CHARSETS, COMMON_WORDS, WordSource, read_lexicon, resolve_charset
from .writers import FolderWriter, LmdbWriter

__all__ = [
    'CHARSETS', 'COMMON_WORDS', 'FolderWriter', 'FontFace', 'FontLibrary', 'LmdbWriter',
    'PRESETS', 'RenderStyle', 'RenderedWord', 'WordRenderer', 'WordSource',
    'find_font_files', 'find_photographs', 'read_lexicon', 'resolve_charset',
]
