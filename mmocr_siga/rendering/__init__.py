"""Scene-text-like word crops from installed fonts: a fast, reproducible renderer."""
from .fonts import FontLibrary
from .recipes import RECIPES, Recipe, build_renderer
from .renderer import RenderedWord, WordRenderer
from .styles import PRESETS, RenderStyle
from .words import WordSource

__all__ = ['FontLibrary', 'PRESETS', 'RECIPES', 'Recipe', 'RenderStyle', 'RenderedWord',
           'WordRenderer', 'WordSource', 'build_renderer']
