"""Transforms of word images and their text masks."""
from .destyled_label import DestyledLabel
from .ensure_bgr import EnsureBGR
from .fit_scene import FitScene
from .glyph_prompts import GlyphPrompts
from .load_word_image import LoadWordImage
from .pack_glyph_inputs import PackGlyphInputs
from .pack_odm_inputs import PackODMInputs
from .pack_pair_inputs import PackPairInputs
from .pack_word_views import PackWordViews
from .random_scene_window import RandomSceneWindow
from .random_text_color import RandomTextColor
from .random_text_deterioration import RandomTextDeterioration
from .random_text_geometry import RandomTextGeometry
from .random_text_photometry import RandomTextPhotometry
from .split_word import SplitWord
from .text_mask import TextMask
from .text_prompt import TextPrompt
from .word_view_pair import WordViewPair

__all__ = [
    'DestyledLabel', 'EnsureBGR', 'FitScene', 'GlyphPrompts', 'LoadWordImage', 'PackGlyphInputs',
    'PackODMInputs', 'PackPairInputs', 'PackWordViews', 'RandomSceneWindow', 'RandomTextColor',
    'RandomTextDeterioration', 'RandomTextGeometry', 'RandomTextPhotometry', 'SplitWord',
    'TextMask', 'TextPrompt', 'WordViewPair'
]
