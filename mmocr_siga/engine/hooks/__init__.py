"""Hooks of the training loop."""
from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .loss_schedule_hook import LossScheduleHook
from .skip_report_hook import SkipReportHook
from .warm_start_hook import WarmStartHook

__all__ = ['DeferredRuntimeInfoHook', 'LossScheduleHook', 'SkipReportHook', 'WarmStartHook']
