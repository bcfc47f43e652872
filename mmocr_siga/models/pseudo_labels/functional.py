"""Pseudo-labels of glyphs, along an attention, and of characters without labels, as pure functions.

Letters used throughout: N images in a batch, (H, W) image height and width, (h, w) height and
width of a feature map, T decoding steps, L characters of a word (the end of sequence not
counted). Padding lies at the right of a word: ``valid``, bool (N, any width), is False there.

Nothing here is learned, takes part in the gradient or makes the host wait for the device. Another
shape or dtype raises ValueError.
Formulas: Guan et al., *Self-supervised Implicit Glyph Attention for Text Recognition*, CVPR 2023
(arXiv 2203.03382); of regions: Guan et al., *Self-supervised Character-to-Character Distillation
for Text Recognition*, ICCV 2023 (arXiv 2211.00288), where K regions of a word are numbered from 1.
"""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ...images.regions import MAX_REGIONS, MIN_PIXELS
from ...images.two_means import dark_is_text, separation, two_means_mask_image

__all__ = [
    'character_regions', 'connected_regions', 'glyph_labels', 'masked_two_means', 'region_weights',
    'resize_attention', 'resize_valid', 'step_mask', 'two_means_mask', 'two_means_mask_image',
    'visible_regions', 'warp_labels'
]

_LEVELS = 256
# A foreground resized to a feature map counts as foreground from this share of a cell on.
_CELL_SHARE = 0.4
# Rounds of joining neighbors: seven suffice for snakes that fill the image and for noise.
_ROUNDS = 12


@torch.no_grad()
def masked_two_means(gray: Tensor, valid: Tensor | None = None) -> Tensor:
    """Separate text from background by exact 2-means on the gray values (SIGA, section 3.1).

    The two clusters are the globally optimal ones (the threshold of Otsu, 1979, from a 256-bin
    histogram); of several equally good thresholds the lowest counts.

    Which cluster is text is voted by the borders of the image (top, bottom, left, right), each for
    a cluster that covers more than half of it. A cluster with three votes or more is background.
    Where none has three, text is the cluster with fewer pixels on the border (each pixel counted
    once, corners too), then the smaller cluster, then the brighter one.

    Args:
        gray: (N, H, W), uint8, or floating point in [0, 255], which is rounded to the nearest of
            the 256 levels (halves to even; values outside are clamped).
        valid: bool (N, W), whole columns, or (N, H, W), False on padding, which takes part neither
            in the clustering nor in the vote, where the topmost valid pixels are the top border.

    Returns bool (N, H, W), True on text; all False for an image of a single gray level.
    """
    check(gray.dim() == 3 and 0 not in gray.shape[1:]
          and (gray.dtype == torch.uint8 or gray.is_floating_point()), 'gray', gray,
          'uint8 or floating point in [0, 255], of shape (N, H, W) with pixels in it')
    levels = (gray if gray.dtype == torch.uint8 else
              gray.round().clamp(0, _LEVELS - 1).to(torch.uint8))
    index = levels.flatten(1).long()
    # Integers up to the prefix sums: of floats, a GPU has no deterministic ones.
    histogram = index.new_zeros(index.size(0), _LEVELS, dtype=torch.int32)
    if valid is None:
        weights = histogram.new_ones(()).expand_as(index)
    else:
        n, _, w = shape = tuple(gray.shape)
        check(valid.dtype == torch.bool and valid.shape in ((n, w), shape), 'valid', valid,
              f'bool of shape {(n, w)} or {shape}')
        valid = valid if valid.dim() == 3 else valid[:, None].expand(shape)
        weights = zeros_and_ones(valid, torch.int32).flatten(1)
    histogram.scatter_add_(1, index, weights)
    gray = torch.arange(_LEVELS, device=index.device)
    below = histogram.cumsum(1).double()
    score, size = separation(below, (histogram * gray).cumsum(1).double())
    threshold = _lowest_maximum(score)
    size_lead = (size - 2 * below.gather(1, threshold.long()))[:, 0]
    # levels > threshold, in bytes: see as_bytes.
    threshold = threshold[:, :, None]
    bright = _as_bool((torch.maximum(levels, threshold) - threshold).clamp(max=1))
    if valid is None:
        leads = _border_leads(bright)
    else:
        bright = bright & valid
        leads = _valid_border_leads(bright, valid)
    flip = dark_is_text(*leads, size_lead)[:, None, None]
    mask = _as_bool(as_bytes(bright) ^ as_bytes(flip))
    return mask if valid is None else mask & valid


two_means_mask = masked_two_means  # of images without padding


def _lowest_maximum(score: Tensor) -> Tensor:
    """The lowest level of highest score, uint8 (N, 1)."""
    # argmax promises no order among equals.
    rank = torch.arange(_LEVELS - 1, -1, -1, dtype=torch.uint8, device=score.device)
    best = score == score.amax(1, keepdim=True)
    return _LEVELS - 1 - (as_bytes(best) * rank).amax(1, keepdim=True)


def _border_leads(bright: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Second and third smallest lead (see dark_is_text) of the borders, and that on all of it."""
    h, w = (max(2, length) for length in bright.shape[1:])
    # A single row or column is both of its borders.
    bright = bright.expand(-1, h, w)
    rows = 2 * bright[:, ::h - 1].sum(2) - w
    columns = 2 * bright[:, :, ::w - 1].sum(1) - h
    leads = torch.cat((rows, columns), 1)
    # Corners were counted twice.
    corners = 4 - 2 * bright[:, ::h - 1, ::w - 1].sum((1, 2))
    ordered = leads.sort(1)[0]
    return ordered[:, 1], ordered[:, 2], leads.sum(1) + corners


def _valid_border_leads(bright: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """:func:`_border_leads` on the border of the valid region."""
    _, h, w = bright.shape
    row = torch.arange(h, device=bright.device, dtype=torch.int32)[:, None]
    column = torch.arange(w, device=bright.device, dtype=torch.int32)
    borders = []
    for position, axis, length in ((row, 1, h), (column, 2, w)):
        first = torch.where(valid, position, length).amin(axis, keepdim=True)
        last = torch.where(valid, position, -1).amax(axis, keepdim=True)
        borders += [valid & (position == first), valid & (position == last)]
    # The fifth is the whole border, each pixel once.
    borders.append(borders[0] | borders[1] | borders[2] | borders[3])
    leads = torch.stack(
        [2 * (border & bright).sum((1, 2)) - border.sum((1, 2)) for border in borders], 1)
    ordered = leads[:, :4].sort(1)[0]
    return ordered[:, 1], ordered[:, 2], leads[:, 4]


def resize_attention(attention: Tensor, width: int, valid: Tensor | None = None) -> Tensor:
    """Resize attention (N, T, w) along the image width, bilinearly with ``align_corners=False``.

    With ``valid`` the word ends where its padding begins, as it does alone; padding gets 0.
    Half precision becomes float32. (SIGA, section 3.2.)
    """
    check_attention(attention)
    if width < 1:
        raise ValueError(f'width must be positive, but is {width}')
    attention = at_least_float32(attention)
    if valid is not None:
        attention = _hold_last_column(attention, valid)
    if attention.size(2) != width:
        # Two-dimensional: the one-dimensional operator has no deterministic backward on a GPU.
        attention = F.interpolate(attention[:, :, None], size=(1, width), mode='bilinear',
                                  align_corners=False)[:, :, 0]
    if valid is None:
        return attention
    return attention.masked_fill(~resize_valid(valid, width)[:, None], 0)


@torch.no_grad()
def glyph_labels(attention: Tensor, foreground: Tensor, lengths: Tensor, size: tuple[int, int],
                 threshold: float | Tensor = 0.05, valid: Tensor | None = None) -> Tensor:
    """Cut a text mask into characters along the attention (SIGA, section 3.3).

    Of the labels, bool (N, T + 1, h, w), channel 0 is background, channel t the character of step
    t: the cells of the foreground whose column step t attends to. Channels may overlap, and may
    leave foreground unclaimed; channels past the word are empty.

    Args:
        attention: (N, T, w) at any width.
        foreground: Text mask (N, H, W), bool or floating point in {0, 1}. A cell of the labels is
            foreground if the bilinearly resized mask is at least 0.4 there.
        lengths: (N,) characters without the end of sequence. Clamped to [0, T].
        threshold: Attention above it, resized to the width of the labels, claims a column; a
            number, or one a sample (N, 1, 1). Made for an attention of 32 columns.
        valid: (N, any width) bool. Padding is background.
    """
    check_attention(attention)
    check_foreground(foreground, attention)
    check_lengths(lengths, attention)
    h, w = size
    foreground = (zeros_and_ones(foreground) if foreground.dtype == torch.bool else
                  at_least_float32(foreground))
    if valid is not None:
        foreground = _hold_last_column(foreground, valid)
    text = F.interpolate(
        foreground[:, None], size=(h, w), mode='bilinear', align_corners=False) >= _CELL_SHARE
    if valid is not None:
        text = text & resize_valid(valid, w)[:, None, None]
    claimed = resize_attention(attention, w, valid) > threshold
    claimed = claimed & step_mask(lengths, attention.size(1))[:, :, None]
    # The mask value each channel asks for: background 0, a claimed column 1, any other none.
    wanted = F.pad(2 - as_bytes(claimed), (0, 0, 1, 0))
    return as_bytes(text) == wanted[:, :, None]


def step_mask(lengths: Tensor, steps: int) -> Tensor:
    """The steps of each word that hold a character: (N,) integers -> (N, T) bool."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def resize_valid(valid: Tensor, width: int) -> Tensor:
    """Valid columns of a map of another width, a broken one counting whole: bool (N, width)."""
    return valid if valid.size(1) == width else step_mask(_columns(valid, width), width)


def _columns(valid: Tensor, width: int) -> Tensor:
    return -(-valid.sum(1) * width // valid.size(1))


def _hold_last_column(maps: Tensor, valid: Tensor) -> Tensor:
    """Maps (N, C, W) whose padding repeats the last valid column, as resizing does at a border."""
    columns = _columns(valid, maps.size(2))
    position = torch.arange(maps.size(2), device=maps.device)
    last = position == columns[:, None] - 1
    edge = maps.masked_fill(~last[:, None], 0).sum(2, keepdim=True)
    return torch.where((position < columns[:, None])[:, None], maps, edge)


@torch.no_grad()
def connected_regions(mask: Tensor) -> Tensor:
    """Label the 8-connected components of text masks, bool (N, H, W), without waiting.

    Returns int64 (N, H, W): 0 on background, on a component 1 + the index of its first pixel, row
    by row. A pixel begins with its own index; in a fixed number of rounds the pixel that a label
    names takes the least label around any pixel of that label.
    """
    check(mask.dim() == 3 and mask.dtype == torch.bool, 'mask', mask, 'bool of shape (N, H, W)')
    n, h, w = mask.shape
    none = h * w
    own = torch.arange(none, device=mask.device).view(h, w)
    # One more place, which background names.
    table = F.pad(torch.where(mask, own, none).flatten(1), (0, 1), value=none)
    for _ in range(_ROUNDS):
        labels = table[:, :none]
        padded = F.pad(labels.view(n, h, w), (1, 1, 1, 1), value=none)
        rows = torch.minimum(torch.minimum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
        least = torch.minimum(torch.minimum(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])
        least = torch.where(mask, least, none).flatten(1)
        table = table.scatter_reduce(1, labels, least, 'amin')
        for _ in range(2):
            table = table.gather(1, table)
    return torch.where(mask, table[:, :none].view(n, h, w) + 1, 0)


@torch.no_grad()
def character_regions(mask: Tensor, min_pixels: int = MIN_PIXELS,
                      max_regions: int = MAX_REGIONS) -> Tensor:
    """Number the components of text masks, bool (N, H, W), from left to right (CCD).

    Those of fewer than ``min_pixels`` are dropped, the others ordered by their mean x (among equals
    by their first pixel, row by row), and the ``max_regions`` leftmost kept. Returns uint8
    (N, H, W): 0 for none, k for the k-th region.
    """
    labels = connected_regions(mask).flatten(1)
    n, h, w = mask.shape
    x = torch.arange(w, device=mask.device).repeat(h).expand(n, -1)
    total = labels.new_zeros(n, h * w + 1)
    size = total.scatter_add(1, labels, torch.ones_like(labels))[:, 1:]
    mean = total.scatter_add(1, labels, x)[:, 1:].double() / size
    mean = mean.masked_fill(size < min_pixels, math.inf)
    mean, order = mean.sort(dim=1, stable=True)  # of equal means the first pixel counts
    mean, order = mean[:, :max_regions], order[:, :max_regions]
    number = torch.arange(1, order.size(1) + 1, device=mask.device) * mean.isfinite()
    numbers = total.scatter(1, order + 1, number)
    return numbers.gather(1, labels).to(torch.uint8).view(n, h, w)


@torch.no_grad()
def region_weights(labels: Tensor, size: tuple[int, int], regions: int = MAX_REGIONS) -> Tensor:
    """Pixels of each region in each cell of a feature map, float32 (N, K, h * w).

    Args:
        labels: Integers (N, H, W), 0 for none, k for the k-th region of the word.
        size: (h, w) of the map, of which cell i covers the pixels with ``i == pixel * h // H``.
        regions: K, at least the largest label.
    """
    check(labels.dim() == 3 and not labels.is_floating_point() and labels.dtype != torch.bool,
          'labels', labels, 'integers of shape (N, H, W)')
    (n, height, width), (h, w) = labels.shape, size
    row = torch.arange(height, device=labels.device) * h // height
    column = torch.arange(width, device=labels.device) * w // width
    index = (labels.long() * (h * w) + row[:, None] * w + column).flatten(1)
    # Integers: a GPU adds floats in any order.
    counts = index.new_zeros(n, (regions + 1) * h * w, dtype=torch.int32)
    counts.scatter_add_(1, index, torch.ones_like(index, dtype=torch.int32))
    return counts.view(n, regions + 1, h * w)[:, 1:].float()


@torch.no_grad()
def warp_labels(labels: Tensor, matrix: Tensor) -> Tensor:
    """Carry labels (N, H, W) over by homographies (N, 3, 3), to the nearest pixel; 0 outside.

    Coordinates are continuous: pixel (0, 0) has its center at (0.5, 0.5).
    """
    n, h, w = _check_homographies(labels, matrix)
    x, y = _moved_centers(h, w, _inverted(matrix.double()))
    index = (y.clamp(0, h - 1).long() * w + x.clamp(0, w - 1).long()).flatten(1)
    warped = labels.flatten(1).gather(1, index).view(n, h, w)
    return warped.masked_fill(~_inside(x, y, h, w), 0)


@torch.no_grad()
def visible_regions(labels: Tensor, warped: Tensor, matrix: Tensor, regions: int = MAX_REGIONS,
                    min_visible: float = 0.5) -> Tensor:
    """Which regions are in both views, bool (N, K): those of whose pixels at least a share of
    ``min_visible`` stays in view, and of which ``warped``, ``warp_labels(labels, matrix)``, has a
    pixel."""
    n, h, w = _check_homographies(labels, matrix)
    inside = _inside(*_moved_centers(h, w, matrix.double()), h, w)

    def count(numbers: Tensor, weights: Tensor) -> Tensor:
        total = numbers.new_zeros(n, regions + 1, dtype=torch.int32)
        return total.scatter_add_(1, numbers.long().flatten(1), weights.int().flatten(1))[:, 1:]

    total, there = (count(each, torch.ones_like(each)) for each in (labels, warped))
    return (count(labels, inside) >= min_visible * total) & (there > 0)


def _check_homographies(labels: Tensor, matrix: Tensor) -> torch.Size:
    check(labels.dim() == 3, 'labels', labels, 'of shape (N, H, W)')
    check(matrix.shape == (labels.size(0), 3, 3) and matrix.is_floating_point(), 'matrix', matrix,
          f'floating point of shape {(labels.size(0), 3, 3)}')
    return labels.shape


def _inverted(matrix: Tensor) -> Tensor:
    """Inverse homographies, up to a factor: the transposed cofactors. A solver would wait."""
    a, b, c = matrix.unbind(1)
    cofactors = (torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b))
    return torch.stack(cofactors, 2)


def _moved_centers(h: int, w: int, matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Where the pixels' centers go, x and y (N, h, w)."""
    y, x = (torch.arange(side, device=matrix.device, dtype=matrix.dtype) + .5 for side in (h, w))
    x, y = x.expand(h, w), y[:, None].expand(h, w)
    moved = [row[:, 0, None, None] * x + row[:, 1, None, None] * y + row[:, 2, None, None]
             for row in matrix.unbind(1)]
    return moved[0] / moved[2], moved[1] / moved[2]


def _inside(x: Tensor, y: Tensor, h: int, w: int) -> Tensor:
    return (x >= 0) & (x < w) & (y >= 0) & (y < h)


def at_least_float32(x: Tensor) -> Tensor:
    """Float32, except for float64, which stays: statistics are not taken in half precision."""
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def zeros_and_ones(mask: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """A bool mask as numbers of ``dtype``, fast (see :func:`as_bytes`)."""
    return as_bytes(mask).to(dtype)


def as_bytes(mask: Tensor) -> Tensor:
    """A bool mask as uint8, 0 and 1.

    On a CPU torch works on bytes up to twenty times as fast as on bool, whose memory is the same.
    A compiled graph gains nothing from it, and the compiler's C++ of such views does not build.
    """
    return mask.to(torch.uint8) if _is_compiling() else mask.view(torch.uint8)


def _as_bool(mask: Tensor) -> Tensor:
    return mask.to(torch.bool) if _is_compiling() else mask.view(torch.bool)


def _is_compiling() -> bool:
    # torch 2.0 cannot tell.
    return hasattr(torch, 'compiler') and torch.compiler.is_compiling()


def check(fits: bool, name: str, tensor: Tensor, wanted: str) -> None:
    """Raise a ValueError that tells what a tensor must be, unless it is."""
    if not fits:
        raise ValueError(f'{name} must be {wanted}, but is {tensor.dtype} of shape '
                         f'{tuple(tensor.shape)}')


def check_attention(attention: Tensor) -> None:
    """Raise ValueError unless ``attention`` is floating point of shape (N, T, w)."""
    check(attention.dim() == 3 and attention.is_floating_point(), 'attention', attention,
          'floating point of shape (N, T, w)')


def check_foreground(foreground: Tensor, attention: Tensor) -> None:
    """Raise ValueError unless ``foreground`` is a batch of masks as large as ``attention``'s."""
    check(foreground.dim() == 3 and foreground.size(0) == attention.size(0)
          and (foreground.dtype == torch.bool or foreground.is_floating_point()),
          'foreground', foreground, 'bool or floating point in {0, 1}, of shape (N, H, W) with '
          f'N = {attention.size(0)} as in attention')


def check_lengths(lengths: Tensor, batch: Tensor) -> None:
    """Raise ValueError unless ``lengths`` are integers, one for each sample of ``batch``."""
    check(lengths.shape == (batch.size(0), ) and lengths.dtype != torch.bool
          and not lengths.is_floating_point(), 'lengths', lengths,
          f'integers of shape ({batch.size(0)},), one number of characters a sample')
