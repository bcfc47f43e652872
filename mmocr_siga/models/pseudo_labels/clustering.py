"""Groups of pixels by how alike they are and where, without labels, as pure functions.

N words, (H, W) pixels of an image, P pixels of any kind, D channels of their embedding, S segments
of a word, K clusters. Labels of pixels are 0 for none and k for the k-th cluster or segment.
Formulas: Ke et al., *Unsupervised Hierarchical Semantic Segmentation with Multiview Cosegmentation
and Clustering Transformers*, CVPR 2022 (arXiv 2204.11432). Nothing loops over words or makes the
host wait for the device.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .functional import at_least_float32, character_regions, check

__all__ = ['prototype_graph', 'prototypes', 'spherical_kmeans', 'text_atoms']

_REGIONS = 255  # of a mask, at most: they are numbered in a byte
_SHARPNESS = 5.0  # of the cosine in the weight of an edge


def prototypes(features: Tensor, labels: Tensor, count: int) -> Tensor:
    """Mean directions of the pixels of each cluster, unit vectors (N, K, D), at least float32; 0
    where a cluster has no pixels.

    Args:
        features: (N, P, D).
        labels: Integers (N, P) up to ``count``.
        count: K.
    """
    features = at_least_float32(features)
    check(labels.shape == features.shape[:2] and not labels.is_floating_point(), 'labels', labels,
          f'integers of shape (N, P) = {tuple(features.shape[:2])}')
    sums = features.new_zeros(len(features), count + 1, features.shape[2])
    index = labels.long()[:, :, None].expand_as(features)
    return F.normalize(sums.scatter_add(1, index, features)[:, 1:], dim=2)


@torch.no_grad()
def spherical_kmeans(features: Tensor, start: Tensor, count: int,
                     rounds: int = 10) -> tuple[Tensor, Tensor]:
    """K-means by cosines: in each round a pixel goes to the center nearest in direction, then a
    center to the mean direction of its pixels.

    Args:
        features: (N, P, D) of any length.
        start: Integers (N, P), the clusters to start from; pixels with 0 take no part.
        count: K. Clusters without pixels keep their center; those that start without any, or whose
            pixels cancel, never get one.

    Returns:
        The clusters, int64 (N, P), and their centers, unit vectors (N, K, D); of equally near ones
        the first counts.
    """
    features = F.normalize(at_least_float32(features), dim=2)
    centers = prototypes(features, start, count)
    missing = ~centers.any(2)[:, None]
    labels = start.long()
    for _ in range(rounds):
        cosines = torch.einsum('npd,nkd->npk', features, centers).masked_fill(missing, -2)
        labels = torch.where(start > 0, cosines.argmax(2) + 1, 0)
        means = prototypes(features, labels, count)
        centers = torch.where(means.any(2, keepdim=True), means, centers)
    return labels, centers


@torch.no_grad()
def text_atoms(mask: Tensor, width: int = 4, atoms: int = 64, min_pixels: int = 16) -> Tensor:
    """Cut text into pieces of strokes, from which characters can be put together.

    The 8-connected components of text masks, those of fewer than ``min_pixels`` aside, are cut into
    slices of ``width`` columns: letters touch, and letters break, so components are no letters. The
    ``atoms`` largest slices are numbered, by component, from left to right.

    Args:
        mask: bool (N, H, W).
        width: Pixels of an image of 32 x 128.

    Returns int64 (N, H, W): 0 for none, k for the k-th atom.
    """
    regions = character_regions(mask, min_pixels, _REGIONS).long()
    slices = -(-mask.shape[2] // width)
    column = torch.arange(mask.shape[2], device=mask.device) // width
    keys = torch.where(regions > 0, regions * slices + column, 0).flatten(1)
    sizes = keys.new_zeros(len(mask), slices * (_REGIONS + 1))
    sizes.scatter_add_(1, keys, torch.ones_like(keys))
    sizes[:, 0] = 0
    order = sizes.sort(dim=1, descending=True, stable=True).indices[:, :atoms]
    kept = torch.zeros_like(sizes).scatter_(1, order, 1) * (sizes > 0)
    return (kept.cumsum(1) * kept).gather(1, keys).view_as(regions)


@torch.no_grad()
def prototype_graph(segments: Tensor, valid: Tensor, distance: Tensor | None = None,
                    neighbors: int = 6) -> Tensor:
    r"""Which segments of a word belong together: weights :math:`e^{5 \cos(p_a, p_b) - d_{ab}^2}` of
    the edges from each to its nearest ones, in both directions, float (N, S, S), without loops.

    Args:
        segments: Unit vectors (N, S, D).
        valid: bool (N, S), False on what is no segment.
        distance: (N, S, S), how far apart they are; None: not at all.
        neighbors: Edges of the largest weight that a segment has of its own.
    """
    segments = at_least_float32(segments)
    exponent = _SHARPNESS * torch.einsum('nad,nbd->nab', segments, segments)
    if distance is not None:
        exponent = exponent - distance ** 2
    loops = torch.eye(segments.shape[1], dtype=torch.bool, device=segments.device)
    weights = exponent.exp() * (valid[:, :, None] & valid[:, None] & ~loops)
    nearest = weights.topk(min(neighbors, segments.shape[1]), 2).indices
    kept = torch.zeros_like(weights).scatter_(2, nearest, 1)
    return weights * torch.maximum(kept, kept.transpose(1, 2))
