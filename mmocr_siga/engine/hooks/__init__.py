"""Hooks of the training loop."""
from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .destylisation_visualization_hook import DestylisationVisualizationHook
from .glyph_visualization_hook import GlyphVisualizationHook
from .loss_schedule_hook import LossScheduleHook
from .skip_report_hook import SkipReportHook
from .teacher_hook import TeacherHook
from .warm_start_hook import WarmStartHook

__all__ = [
    'DeferredRuntimeInfoHook', 'DestylisationVisualizationHook', 'GlyphVisualizationHook',
    'LossScheduleHook', 'SkipReportHook', 'TeacherHook', 'WarmStartHook'
]
