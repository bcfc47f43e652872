"""Which pixels of a picture become tokens, for whole batches and in fixed shapes.

N batch, (H, W) the picture, P its pixels in any order, K tokens.
"""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def edge_pixels(mask: Tensor) -> Tensor:
    """The pixels of a mask (N, H, W) bool of whose four neighbors one is not in it; what lies
    outside of the picture is not."""
    around = F.pad(mask.to(torch.uint8), (1, 1, 1, 1))
    inside = (around[:, :-2, 1:-1] + around[:, 2:, 1:-1] + around[:, 1:-1, :-2]
              + around[:, 1:-1, 2:])
    return mask & (inside < 4)


def best_pixels(candidates: Tensor, count: Tensor, scores: Tensor) -> Tensor:
    """The ``count`` (N, 1) candidates (N, P) bool of the highest scores (N or 1, P), none of them
    negative; all where there are fewer."""
    scores = scores.masked_fill(~candidates, -1)
    ranked = scores.sort(1, descending=True)[0]
    lowest = ranked.gather(1, (count - 1).clamp(0, scores.shape[1] - 1))
    return candidates & (scores >= lowest)


def scattered(count: int, device: torch.device) -> Tensor:
    """Numbers (1, count) without any order, below 2^32 and no two the same; the same ones in any
    batch and on any device."""
    x = torch.arange(count, device=device)[None]
    for _ in range(2):
        x = ((x >> 16) ^ x) * 0x45d9f3b & 0xffffffff
    return (x >> 16) ^ x


def evenly_thinned(candidates: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """At most K candidates of each word, in order.

    Of n > K candidates those of rank :math:`\\lfloor (2 i + 1) n / 2 K \\rfloor`, i = 0 ... K - 1,
    which does not depend on what else is in the batch.

    Args:
        candidates: (N, P) bool.
        count: K.

    Returns:
        tuple: Where they are, (N, K), and which of them are there, (N, K) bool: the first n.
    """
    pixels = candidates.shape[1]
    place = torch.arange(pixels, device=candidates.device)
    # Candidates first, each kind in its order.
    ordered = torch.where(candidates, place, place + pixels).sort(1)[0] % pixels
    found = candidates.sum(1, keepdim=True)
    rank = torch.arange(count, device=candidates.device)[None]
    thinned = torch.where(found > count, (2 * rank + 1) * found // (2 * count), rank)
    return ordered.gather(1, thinned.clamp(max=pixels - 1)), rank < found
