"""Text detectors."""
from .multi_scale_dbnet import MultiScaleDBNet

__all__ = ['MultiScaleDBNet']
