from __future__ import annotations

import torch
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..pseudo_labels.functional import at_least_float32, check

__all__ = ['collapse', 'modularity']


def modularity(graph: Tensor, assignment: Tensor) -> Tensor:
    r"""How much more of a graph's edges lie within groups than by chance, (N,); 0 for a single
    group, at most 1 (Newman, 2006; DMoN, Tsitsulin et al., arXiv 2006.16904).

    .. math:: \frac{1}{s} \operatorname{Tr}\left(C^T A C - \frac{C^T d\,d^T C}{s}\right)

    with the degrees :math:`d`, their sum :math:`s` and the assignment C. (The code of HSG divides
    by 2 s, which makes one group for everything look better than chance.) 0 without edges.

    Args:
        graph: A, symmetric, (N, S, S).
        assignment: C, the probability of each group for each node, (N, S, K); rows of nodes without
            an edge do not count.
    """
    check(graph.dim() == 3 and graph.shape[1] == graph.shape[2], 'graph', graph,
          'of shape (N, S, S)')
    check(assignment.dim() == 3 and assignment.shape[:2] == graph.shape[:2], 'assignment',
          assignment, f'of shape (N, S, K) with N, S = {tuple(graph.shape[:2])}')
    with torch.autocast(graph.device.type, enabled=False):
        graph, assignment = at_least_float32(graph), at_least_float32(assignment)
        degrees = graph.sum(2)
        total = degrees.sum(1).clamp(min=torch.finfo(degrees.dtype).tiny)
        within = (assignment * (graph @ assignment)).sum((1, 2))
        chance = ((degrees[:, None] @ assignment)[:, 0] ** 2).sum(1) / total
        return (within - chance) / total


def collapse(assignment: Tensor, valid: Tensor, groups: Tensor) -> Tensor:
    r"""How unevenly nodes go to groups, (N,): :math:`\frac{\sqrt{K}}{n} \|\sum_i C_i\| - 1`, 0 if
    all get alike and :math:`\sqrt{K} - 1` if one gets all (DMoN).

    Args:
        assignment: C, (N, S, K'), 0 in groups that are not open.
        valid: bool (N, S), the n nodes that count.
        groups: (N,), the open groups K of each word.
    """
    check(valid.shape == assignment.shape[:2] and valid.dtype == torch.bool, 'valid', valid,
          f'bool of shape (N, S) = {tuple(assignment.shape[:2])}')
    sums = (at_least_float32(assignment) * valid[:, :, None]).sum(1)
    counts = valid.sum(1)
    # The root of a sum of nothing has no gradient.
    length = (sums ** 2).sum(1).clamp(min=1e-12).sqrt()
    uneven = groups.to(sums.dtype).sqrt() * length / counts.clamp(min=1) - 1
    return uneven * (counts > 0)


@MODELS.register_module()
class ModularityLoss(nn.Module):
    """One minus the :func:`modularity` of groups, and their :func:`collapse`; mean over words.

    Words of one node or one group, which can only be grouped in one way, cost nothing.
    """

    def __init__(self, loss_weight: float = 1.0, collapse_weight: float = 1.0) -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.collapse_weight = collapse_weight

    def forward(self, graph: Tensor, assignment: Tensor, valid: Tensor, groups: Tensor) -> Tensor:
        """Graph (N, S, S), assignment (N, S, K), valid (N, S) and open groups (N,) -> scalar."""
        costs = (1 - modularity(graph, assignment)
                 + self.collapse_weight * collapse(assignment, valid, groups))
        return self.loss_weight * (costs * ((valid.sum(1) > 1) & (groups > 1))).mean()
