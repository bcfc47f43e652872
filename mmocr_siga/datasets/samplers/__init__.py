"""Which samples make a batch."""
from .ratio_sampler import RatioSampler
from .similar_length_batch_sampler import SimilarLengthBatchSampler

__all__ = ['RatioSampler', 'SimilarLengthBatchSampler']
