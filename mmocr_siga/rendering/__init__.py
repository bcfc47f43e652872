"""Scene-text-like word crops from installed fonts: a fast, reproducible renderer."""
from .backgrounds import find_photographs
from .fonts import FontFace, FontLibrary, built_in_faces, find_font_files, machine_faces
from .recipes import RECIPES, Recipe, build_renderer, find_charset
from .renderer import RenderedWord, WordRenderer, character_boxes
from .sheet import contact_sheet
from .styles import PRESETS, RenderStyle
from .words import (
    CHARSETS,
    COMMON_WORDS,
    RandomSource,
    SerialSource,
    WordSource,
    read_lexicon,
    resolve_charset,
)
from .writers import FolderWriter, LmdbWriter

__all__ = [
    'CHARSETS', 'COMMON_WORDS', 'FolderWriter', 'FontFace', 'FontLibrary', 'LmdbWriter',
    'PRESETS', 'RECIPES', 'RandomSource', 'Recipe', 'RenderStyle', 'RenderedWord',
    'SerialSource', 'WordRenderer', 'WordSource', 'build_renderer', 'built_in_faces',
    'character_boxes', 'contact_sheet', 'find_charset', 'find_font_files', 'find_photographs',
    'machine_faces', 'read_lexicon', 'resolve_charset',
]
