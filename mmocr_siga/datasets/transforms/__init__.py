"""Transforms of word images and their text masks."""
from .ensure_bgr import EnsureBGR
from .fit_scene import FitScene
from .load_word_image import LoadWordImage
from .pack_glyph_inputs import PackGlyphInputs
from .random_scene_window import RandomSceneWindow
from .random_text_color import RandomTextColor
from .random_text_deterioration import RandomTextDeterioration
from .random_text_geometry import RandomTextGeometry
from .text_mask import TextMask

__all__ = [
    'EnsureBGR', 'FitScene', 'LoadWordImage', 'PackGlyphInputs', 'RandomSceneWindow',
    'RandomTextColor', 'RandomTextDeterioration', 'RandomTextGeometry', 'TextMask'
]
