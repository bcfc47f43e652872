"""Rows of words in which later ones learn from earlier ones (E2STR, CVPR 2024; Flamingo).

A row is <image>TEXT<end><image>TEXT<end>..., kept as (B, S, T): B rows, S words, T = longest word +
2 positions; the start token stands for the picture. c_t, the number of pictures until position t,
so is the number of its word. L positions seen.
"""
from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ...structures.words import IGNORE_INDEX, WordTargets

CONTEXTS = ('causal', 'independent')


def fed_words(targets: WordTargets, end_idx: int) -> tuple[Tensor, Tensor, Tensor]:
    """What words (N, T - 1) are in a row: tokens, which of them are there, and their targets, (N,
    T) each. A word that was cut does not end."""
    tokens = F.pad(targets.tokens, (0, 1), value=end_idx)
    asked = F.pad(targets.targets, (0, 1), value=IGNORE_INDEX)
    there = torch.arange(tokens.shape[1], device=tokens.device) <= targets.lengths[:, None]
    # The position after the last target.
    ends = F.pad(targets.targets == end_idx, (1, 0))
    return tokens, there | ends, asked


def visible_before(there: Tensor) -> Tensor:
    """(B, S, T) bool, which positions there are -> (B, S T, S T) bool: each sees itself and what is
    before it in the row."""
    flat = there.flatten(1)
    before = flat.new_ones(flat.shape[1], flat.shape[1]).tril(-1)
    # Padding sees itself: a softmax over nothing is no number.
    return (flat[:, None] & before) | torch.eye(
        flat.shape[1], dtype=torch.bool, device=flat.device)


def visible_others(there: Tensor) -> Tensor:
    """(B, S, T) bool -> (B, S T, 2 S T) bool: each position sees all of the other words, then
    itself and what is before it in its own word."""
    _, words, steps = there.shape
    word = torch.arange(words, device=there.device).repeat_interleave(steps)
    own = word[:, None] == word
    return torch.cat([there.flatten(1)[:, None] & ~own, visible_before(there) & own], 2)


def findable(targets: Tensor, tokens: Tensor, visible: Tensor) -> Tensor:
    """Which targets (B, L') stand among the tokens (B, L) that their positions see, by ``visible``
    (B, L', L): in an invented script nobody can know the others."""
    return ((targets[:, :, None] == tokens[:, None]) & visible).any(2)
