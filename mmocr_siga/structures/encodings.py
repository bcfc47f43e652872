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
    places: Optional[Tensor] = None  # (N, w, 2) x and y in pixels of tokens that are no columns


class DisentangledFeatures(NamedTuple):
    """What :class:`DisentangledEncoder` makes of a picture, whose map of tokens is h x w. Q tokens
    of D_s channels are style: one for each place, or learned queries."""

    content: Tensor  # (N, D_c, h, w), or (N, D_c, 1, Q') of queries
    style: Tensor  # (N, Q, D_s)
    style_map: Tensor  # (N, D_s, h, w), style in its places
    source_map: Tensor  # (N, D_s, h, w), likewise before the gates
    trunk: Tensor  # (N, D, h, w) before the split


class PromptFeatures(NamedTuple):
    """What is to be written in a picture, E channels of K tokens."""

    tokens: Tensor  # (N, K, E)
    hidden: Optional[Tensor]  # (N, K) bool, tokens that are none; None: all are some
    present: Tensor  # (N,) bool, False where nothing is to be written
    # What is where, for prompts that say so, in the places of the style, (N, E, h, w), and at twice
    # their resolution, (N, E', 2h, 2w)
    maps: tuple[Tensor, ...] = ()


class StyledImages(NamedTuple):
    """Pictures with another text, float32 in [0, 1], channels in the order of the network's input
    (RGB with ``bgr_to_rgb``): image = coverage * paint + (1 - coverage) * board."""

    image: Tensor  # (N, 3, H, W)
    board: Tensor  # (N, 3, H, W) without any text
    paint: Tensor  # (N, 3, H, W)
    coverage: Tensor  # (N, 1, H, W)
    source_mask: Optional[Tensor] = None  # (N, 1, H, W) probability of text in the input


class ErasedImages(NamedTuple):
    """Pictures without their text, as in :class:`StyledImages`."""

    board: Tensor  # (N, 3, H, W)
    source_mask: Tensor  # (N, 1, H, W) probability of text in the input
