"""Hooks of the training loop."""
from .loss_schedule_hook import LossScheduleHook
from .skip_report_hook import SkipReportHook

__all__ = ['LossScheduleHook', 'SkipReportHook']
