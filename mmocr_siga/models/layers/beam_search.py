"""N-best reading as pure functions: beam search, and the exact N best of independent steps.

N words, B beams, T steps, K classes. A hypothesis is a word with its end token; its probability is
the product of those of its characters and of the end token after them, which is missing only where
the T steps end before the word does.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ...structures.words import Hypothesis

__all__ = ['beam_search', 'merged', 'selected', 'steps_nbest']


class _Pool(NamedTuple):
    """Hypotheses of N words: log-probabilities (N, P) and what they consist of, (N, P, T)."""
    total: Tensor
    tokens: Tensor  # end tokens after the word
    steps: Tensor  # log-probabilities of the steps


def steps_nbest(probabilities: Tensor, end_idx: int, count: int) -> list[list[Hypothesis]]:
    """Up to ``count`` most probable words, best first, where no step depends on what was read
    before it, but all have probabilities (N, T, K); exact."""
    log_probabilities = probabilities.float().log()

    def step(state: tuple, tokens: Tensor, t: int) -> tuple[Tensor, tuple]:
        return log_probabilities[:, t].repeat_interleave(len(tokens) // len(probabilities), 0), ()

    # A prefix outside of the best `count` of its length cannot come back: what follows multiplies
    # all of them by the same factors.
    return beam_search(step, (), len(probabilities), probabilities.shape[1], end_idx, end_idx,
                       width=count, count=count, device=probabilities.device)


@torch.no_grad()
def beam_search(step: Callable[[Any, Tensor, int], tuple[Tensor, Any]], state: Any, batch: int,
                steps: int, start_idx: int, end_idx: int, width: int, count: int,
                device: torch.device | None = None) -> list[list[Hypothesis]]:
    """Search up to ``count`` most probable words of an autoregressive decoder, best first.

    Open prefixes compete with each other only, so a finished word is never pushed out by a prefix
    that gets worse later. The search stops when no open prefix can beat the ``count``-th finished
    word.

    Args:
        step: ``step(state, tokens, t) -> (log_probabilities, state)`` with the previous characters
            (N * B,) and log-probabilities (N * B, K); B is ``width``.
        state: As in :func:`selected`; the B beams of a word lie side by side.
        width: Open prefixes B that are followed for each word.
    """
    if width < 1 or count < 1:
        raise ValueError(f'width and count must be at least 1, got {width} and {count}')
    total = torch.full((batch, width), -math.inf, device=device)
    total[:, 0] = 0
    empty = torch.full((batch, width, steps), end_idx, dtype=torch.long, device=device)
    alive = _Pool(total, empty, torch.zeros_like(empty, dtype=torch.float))
    ended = _Pool(*(part[:, :0] for part in alive))
    previous = torch.full((batch * width, ), start_idx, device=device)
    for t in range(steps):
        log_probabilities, state = step(state, previous, t)
        log_probabilities = log_probabilities.float().unflatten(0, (batch, width))
        ended = _best(ended, _with_step(alive, log_probabilities[..., end_idx], t), count)
        alive, parents = _extended(alive, log_probabilities, end_idx, t)
        if _settled(alive, ended, count):
            break
        state = selected(state, parents)
        previous = alive.tokens[:, :, t].flatten()
    else:
        ended = _best(ended, alive, count)
    return _hypotheses(ended, end_idx)


def _with_step(pool: _Pool, log_probabilities: Tensor, t: int) -> _Pool:
    """The pool with one more step (N, P) whose tokens are in it already."""
    steps = pool.steps.clone()
    steps[:, :, t] = log_probabilities
    return _Pool(pool.total + log_probabilities, pool.tokens, steps)


def _extended(alive: _Pool, log_probabilities: Tensor, end_idx: int, t: int) -> tuple:
    """The best continuations that do not end, as many as there are beams, and their parents."""
    batch, width, classes = log_probabilities.shape
    open_only = log_probabilities.clone()
    open_only[..., end_idx] = -math.inf
    total, best = (alive.total[..., None] + open_only).flatten(1).topk(width)
    parents, tokens = best // classes, best % classes
    chosen = _gathered(alive, parents)
    chosen.tokens[:, :, t] = tokens
    chosen.steps[:, :, t] = log_probabilities.flatten(1).gather(1, best)
    rows = torch.arange(batch, device=parents.device)[:, None] * width
    return chosen._replace(total=total), (rows + parents).flatten()


def _best(first: _Pool, second: _Pool, count: int) -> _Pool:
    """The best of two pools."""
    both = _Pool(*(torch.cat(parts, 1) for parts in zip(first, second)))
    return _gathered(both, both.total.topk(min(count, both.total.shape[1])).indices)


def _gathered(pool: _Pool, index: Tensor) -> _Pool:
    """Entries (N, P') of a pool, as new tensors."""
    wide = index[..., None].expand(-1, -1, pool.tokens.shape[-1])
    return _Pool(pool.total.gather(1, index), pool.tokens.gather(1, wide),
                 pool.steps.gather(1, wide))


def _settled(alive: _Pool, ended: _Pool, count: int) -> bool:
    if ended.total.shape[1] < count:
        return bool((alive.total == -math.inf).all())
    return bool((alive.total[:, 0] <= ended.total[:, -1]).all())


def selected(tree: Any, rows: Tensor | slice) -> Any:
    """Rows of the first dimension of all tensors in (nested) tuples and dictionaries; anything else
    stays as it is."""
    return tree_map(lambda leaf: leaf[rows] if isinstance(leaf, Tensor) else leaf, tree)


def _hypotheses(pool: _Pool, end_idx: int) -> list[list[Hypothesis]]:
    out = []
    for totals, rows, steps in zip(*(part.tolist() for part in pool)):
        words = []
        for total, tokens, values in zip(totals, rows, steps):
            if total == -math.inf:
                continue  # fewer words than asked for
            length = tokens.index(end_idx) if end_idx in tokens else len(tokens)
            scores = tuple(math.exp(value) for value in values[:length])
            words.append(Hypothesis(tuple(tokens[:length]), scores, math.exp(total)))
        out.append(words)
    return out


def merged(first: Sequence[Hypothesis], second: Sequence[Hypothesis],
           count: int) -> list[Hypothesis]:
    """The best of two lists of hypotheses, best first; of equal words the more probable one, of
    equally probable ones that of ``first``."""
    best: dict[tuple[int, ...], Hypothesis] = {}
    for hypothesis in (*first, *second):
        known = best.get(hypothesis.tokens)
        if known is None or hypothesis.probability > known.probability:
            best[hypothesis.tokens] = hypothesis
    return sorted(best.values(), key=lambda item: -item.probability)[:count]
