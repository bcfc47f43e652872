"""Hooks of the training loop."""
from .loss_schedule_hook import LossScheduleHook
from .skip_report_hook import SkipReportHook
from .warm_start_hook import WarmStartHook

__all__ = ['LossScheduleHook', 'SkipReportHook', 'WarmStartHook']
