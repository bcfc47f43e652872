"""Hooks of the training loop."""
from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .glyph_visualization_hook import GlyphVisualizationHook
from .loss_schedule_hook import LossScheduleHook
from .skip_report_hook import SkipReportHook
from .warm_start_hook import WarmStartHook

__all__ = [
    'DeferredRuntimeInfoHook', 'GlyphVisualizationHook', 'LossScheduleHook', 'SkipReportHook',
    'WarmStartHook'
]
