"""What encoders hand on. N batch, T steps, w columns, D channels."""
from typing import NamedTuple, Optional

from torch import Tensor

SCALES = ('fine', 'coarse')  # of glyph maps, in this order everywhere


class GlyphEncoding(NamedTuple):
    """What :class:`SIGAEncoder` hands on; the dictionaries have the keys of ``SCALES``."""

    sequence: Tensor  # (N, w, C) visual columns, before any recurrence
    context: Tensor  # (N, w, D) columns after two BiLSTMs
    valid: Optional[Tensor]  # (N, w) bool, None where nothing is padded
    glyph_maps: dict[str, Tensor]  # logits (N, T + 1, h, w) per scale, channel 0 background
    glyph_features: dict[str, Tensor]  # (N, T, D) per scale
    mask_feature: Optional[Tensor]  # (N, C, h, w), what a segmentation head goes on from
