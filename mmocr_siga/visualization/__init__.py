"""Pictures of what a recognizer read and what it looked at."""
from .destylised_sheet import draw_destylised
from .glyph_drawing import draw_reading
from .glyph_visualizer import GlyphVisualizer, draw_sample
from .scene_drawing import draw_scene
from .word_sheet import SheetWord, draw_word_sheet

__all__ = [
    'GlyphVisualizer', 'SheetWord', 'draw_destylised', 'draw_reading', 'draw_sample', 'draw_scene',
    'draw_word_sheet'
]
