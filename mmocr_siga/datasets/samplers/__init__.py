"""Which samples make a batch."""
from .ratio_sampler import RatioSampler

__all__ = ['RatioSampler']
