"""Which samples make a batch."""
from .group_sampler import GroupSampler
from .ratio_sampler import RatioSampler
from .similar_length_batch_sampler import SimilarLengthBatchSampler

__all__ = ['GroupSampler', 'RatioSampler', 'SimilarLengthBatchSampler']
