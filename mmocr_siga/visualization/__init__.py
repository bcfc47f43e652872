"""Pictures of what a recogniser read and what it looked at."""
from .glyph_drawing import draw_reading, panel_boxes
from .scene_drawing import draw_scene
from .word_sheet import SheetWord, draw_word_sheet

__all__ = ['SheetWord', 'draw_reading', 'draw_scene', 'draw_word_sheet', 'panel_boxes']
