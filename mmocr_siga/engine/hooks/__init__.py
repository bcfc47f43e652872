"""Hooks of the training loop."""
from .glyph_visualization_hook import GlyphVisualizationHook
from .loss_schedule_hook import LossScheduleHook
from .skip_report_hook import SkipReportHook

__all__ = ['GlyphVisualizationHook', 'LossScheduleHook', 'SkipReportHook']
