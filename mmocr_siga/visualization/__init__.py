"""Pictures of what a recogniser read and what it looked at."""
from .glyph_drawing import draw_reading, panel_boxes

__all__ = ['draw_reading', 'panel_boxes']
