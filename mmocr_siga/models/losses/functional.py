"""Losses of self-supervised implicit glyph attention as pure functions, each in a file of its own.

Letters are those of :mod:`mmocr_siga.models.pseudo_labels.functional`. ``lengths`` (N,) are
characters, without the end of sequence, and are clamped to [0, T]; pixels of padding, where
``valid``, bool (N, any width), is False, do not count. Another shape or dtype raises ValueError.

No function loops over samples, steps or pairs of steps, or makes the host wait for the device.
All of them compute in float32 (float64 for float64 input) under autocast too, and give a sample
the same loss alone and in any batch, with padding at its right and without. Formulas: Guan et al.,
*Self-supervised Implicit Glyph Attention for Text Recognition*, CVPR 2023 (arXiv 2203.03382);
:func:`sec_loss`: Gu et al., *Weakly Supervised Attention Rectification for Scene Text
Recognition*, ICPR 2020; :func:`distillation_loss`: Guan et al., *Self-supervised
Character-to-Character Distillation for Text Recognition*, ICCV 2023;
:func:`repeated_attention_loss`: See et al., *Get To The Point*, ACL 2017; :func:`segsort_loss` and
:func:`modularity`: Ke et al., *Unsupervised Hierarchical Semantic Segmentation*, CVPR 2022.
"""
from ..pseudo_labels.functional import resize_attention
from .alignment_loss import coverage_loss, orthogonality_loss
from .character_distillation_loss import distillation_loss
from .glyph_loss import glyph_loss
from .glyph_perceptual_loss import perceptual_distance
from .modularity_loss import collapse, modularity
from .plain_ink_loss import ink_loss
from .repeated_attention_loss import repeated_attention_loss
from .sec_loss import check_pooling, sec_loss
from .segsort_loss import segsort_loss
from .text_image_contrastive_loss import contrastive_loss
from .text_mask_loss import text_mask_loss

__all__ = [
    'check_pooling', 'collapse', 'contrastive_loss', 'coverage_loss', 'distillation_loss',
    'glyph_loss', 'ink_loss', 'modularity', 'orthogonality_loss', 'perceptual_distance',
    'repeated_attention_loss', 'resize_attention', 'sec_loss', 'segsort_loss', 'text_mask_loss'
]
