"""Scene-text-like word crops from installed fonts: a fast, reproducible renderer."""
from .fonts import FontLibrary
from .plain import draw_plain_in_box, draw_plain_words, plain_borders, plain_face
from .recipes import RECIPES, Recipe, build_renderer
from .rendered import RenderedGroup, RenderedWord
from .renderer import WordRenderer
from .scenes import RenderedScene, SceneRenderer
from .styles import PRESETS, RenderStyle
from .words import WordSource

__all__ = ['FontLibrary', 'PRESETS', 'RECIPES', 'Recipe', 'RenderStyle', 'RenderedGroup',
           'RenderedScene', 'RenderedWord', 'SceneRenderer', 'WordRenderer', 'WordSource',
           'build_renderer', 'draw_plain_in_box', 'draw_plain_words', 'plain_borders',
           'plain_face']
