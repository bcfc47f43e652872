"""Alignment of words with the columns of a CTC model. N words, T columns, K classes, L characters.

Connectionist temporal classification: Graves et al., ICML 2006.
"""
from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import torch
from mmocr.structures import TextRecogDataSample
from torch import Tensor
from torch.nn import functional as F

_NEVER = -1e30  # a log probability; infinities would make NaN of their differences


@torch.no_grad()
def ctc_alignment(log_probabilities: Tensor, targets: Tensor, lengths: Tensor,
                  blank: int) -> Tensor:
    """The most probable alignment of each word (Viterbi): which character each column reads.

    Args:
        log_probabilities: (N, T, K), normalized; on padding the blank is certain.
        targets: Classes (N, L), padded with anything that is a class.
        lengths: (N,) characters of each word.

    Returns:
        Tensor: (N, T), the index of the character, -1 on blanks and padding. All -1 where a word
        does not fit into its columns.
    """
    log_probabilities = log_probabilities.float()
    n, steps, _ = log_probabilities.shape
    length = targets.shape[1]
    device = targets.device
    # Blank, first character, blank, second ...: odd states are characters.
    states = targets.new_full((n, 2 * length + 1), blank)
    states[:, 1::2] = targets
    number = torch.arange(2 * length + 1, device=device)
    # A blank may be left out between characters that differ.
    may_skip = (number % 2 == 1) & (number > 1) & (states != F.pad(states, (2, 0))[:, :-2])
    emitted = log_probabilities.gather(2, states[:, None].expand(-1, steps, -1))
    score = emitted[:, 0].masked_fill(number > 1, _NEVER)
    came_from = []  # how many states back: 0, 1 or 2
    for t in range(1, steps):
        back = torch.stack([score, F.pad(score, (1, 0), value=_NEVER)[:, :-1],
                            F.pad(score, (2, 0), value=_NEVER)[:, :-2].masked_fill(
                                ~may_skip, _NEVER)])
        best, step = back.max(0)
        score = best + emitted[:, t]
        came_from.append(step)
    last = torch.stack([2 * lengths, (2 * lengths - 1).clamp(min=0)], 1)
    ends = score.gather(1, last)
    possible = ends.amax(1) > _NEVER / 2
    state = last.gather(1, ends.argmax(1, keepdim=True))
    path = [state]
    for step in reversed(came_from):
        state = state - step.gather(1, state)
        path.append(state)
    path = torch.cat(path[::-1], 1)
    return torch.where((path % 2 == 1) & possible[:, None], path // 2, -1)


def ctc_losses(log_probabilities: Tensor, targets: Tensor, samples: Sequence[TextRecogDataSample],
               blank: int, zero_infinity: bool = False) -> Tensor:
    """Negative log probability (N,) of each label over all its alignments with the columns
    (N, T, K); ``targets`` (N, L) are the labels that the samples hold, as far as L."""
    # On the host, from which the operator takes them without waiting.
    lengths = torch.tensor([min(len(sample.gt_text.indexes), targets.shape[1])
                            for sample in samples])
    steps = torch.full_like(lengths, log_probabilities.shape[1])
    return F.ctc_loss(log_probabilities.transpose(0, 1), targets, steps, lengths, blank=blank,
                      reduction='none', zero_infinity=zero_infinity)


def ctc_attention(alignment: Tensor, length: int, columns: Tensor | None = None) -> Tensor:
    """The columns of each character as an attention (N, L, T) whose rows sum to 1, or to 0 past
    the word.

    A CTC model reads a character in few columns, often one, and blanks lie around them. A character
    is given the columns that are closer to its own than to those of another.

    Args:
        alignment: See :func:`ctc_alignment`.
        length: Characters L of the longest word.
        columns: (N,) columns that are not padding; None: all.
    """
    steps = alignment.shape[1]
    position = torch.arange(steps, device=alignment.device, dtype=torch.float32)
    own = alignment[:, None] == torch.arange(length, device=alignment.device)[:, None]
    count = own.sum(2)
    center = (own * position).sum(2) / count.clamp(min=1)
    # Half of a character's columns count as its own: distances are from its outermost ones.
    distance = ((position - center[..., None]).abs() - (count[..., None] - 1) / 2).clamp(min=0)
    distance = distance.masked_fill(count[..., None] == 0, float('inf'))
    nearest = (distance == distance.amin(1, keepdim=True)) & (count[..., None] > 0)
    if columns is not None:
        nearest = nearest & (position < columns[:, None])[:, None]
    share = nearest.float()
    return share / share.sum(2, keepdim=True).clamp(min=1)


def greedy_alignment(log_probabilities: Tensor, blank: int) -> Tensor:
    """Of the most probable class of each column (N, T, K): which character each column reads,
    (N, T), -1 on blanks. Equal classes side by side are one character."""
    best = log_probabilities.argmax(-1)
    reads = best != blank
    begins = reads & (best != F.pad(best, (1, 0), value=blank)[:, :-1])
    return torch.where(reads, begins.long().cumsum(1) - 1, -1)


def prefix_search(log_probabilities: Tensor, blank: int, count: int, width: int,
                  classes: int = 10) -> list[tuple[tuple[int, ...], float]]:
    """Up to ``count`` most probable words of one picture's columns (T, K), best first.

    Each has its probability over all alignments, as far as a beam of ``width`` prefixes that takes
    the ``classes`` most probable classes of each column finds them (Hannun et al., 2014).
    """
    likely = log_probabilities.topk(min(classes, log_probabilities.shape[1]))
    beams = [((), 1.0, 0.0)]  # a prefix, how probably it ends in a blank, and in its last character
    log_scale = 0.0  # of all of them: long lines would underflow
    for values, indices in zip(likely.values.exp().tolist(), likely.indices.tolist()):
        following: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [0.0, 0.0])
        for prefix, in_blank, in_character in beams:
            for p, k in zip(values, indices):
                if k == blank:
                    following[prefix][0] += p * (in_blank + in_character)
                elif prefix and k == prefix[-1]:
                    following[prefix][1] += p * in_character
                    following[(*prefix, k)][1] += p * in_blank
                else:
                    following[(*prefix, k)][1] += p * (in_blank + in_character)
        best = sorted(following.items(), key=lambda item: -sum(item[1]))[:width]
        scale = sum(best[0][1])
        log_scale += math.log(scale)
        beams = [(prefix, b / scale, c / scale) for prefix, (b, c) in best]
    return [(prefix, math.exp(log_scale) * (b + c)) for prefix, b, c in beams[:count]]
