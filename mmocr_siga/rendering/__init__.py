"""Scene-text-like word crops from installed fonts: a fast, reproducible renderer."""
from .backgrounds import find_photographs
from .fonts import FontFace, FontLibrary, built_in_faces, find_font_files, machine_faces
from .recipes import RECIPES, Recipe, build_renderer
from .renderer import RenderedWord, WordRenderer, character_boxes
from .sheet import contact_sheet
from .styles import PRESETS, RenderStyle
from .words import COMMON_WORDS, RandomSource, SerialSource, WordSource, read_lexicon

__all__ = [
    'COMMON_WORDS', 'FontFace', 'FontLibrary', 'PRESETS', 'RECIPES', 'RandomSource', 'Recipe',
    'RenderStyle', 'RenderedWord', 'SerialSource', 'WordRenderer', 'WordSource', 'build_renderer',
    'built_in_faces', 'character_boxes', 'contact_sheet', 'find_font_files', 'find_photographs',
    'machine_faces', 'read_lexicon',
]
