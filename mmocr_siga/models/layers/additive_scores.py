"""Additive attention of many queries at once, with a backward pass of matrix products."""
from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

__all__ = ['additive_scores']


def additive_scores(query: Tensor, key: Tensor, weight: Tensor) -> Tensor:
    r"""Energies :math:`w^\top \tanh(q_t + k_p)` of every query with every key.

    Autograd would keep the sums and their tanh, and reduce the gradient of all N x T x P x D of
    them element by element, which takes longer than all the rest. With :math:`1 - \tanh^2` written
    out, the gradients of queries and keys are products of matrices.

    Queries (N, T, D), or (1, T, D) for the same everywhere, keys (N, P, D), weight (D,) -> (N, T,
    P), in the type of ``key``.
    """
    query, weight = query.to(key.dtype), weight.to(key.dtype)
    needed = any(part.requires_grad for part in (query, key, weight))
    with torch.autocast(key.device.type, enabled=False):
        if torch.is_grad_enabled() and needed:
            return _AdditiveScores.apply(query, key, weight).transpose(1, 2)
        return (torch.tanh(query[:, :, None] + key[:, None]) @ weight[:, None]).squeeze(-1)


class _AdditiveScores(torch.autograd.Function):
    """(N, P, T): keys before queries, so that the queries of a key lie side by side."""

    @staticmethod
    def forward(ctx, query: Tensor, key: Tensor, weight: Tensor) -> Tensor:
        squashed = (query[:, None] + key[:, :, None]).tanh_()
        ctx.save_for_backward(squashed, weight)
        ctx.shared = query.shape[0] == 1
        return (squashed @ weight[:, None]).squeeze(-1)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        squashed, weight = ctx.saved_tensors
        batch, positions, steps, channels = squashed.shape
        grad = grad.to(squashed.dtype).contiguous()
        grad_weight = grad.view(1, -1) @ squashed.view(-1, channels)
        slopes = squashed * squashed
        by_key = torch.bmm(grad.view(-1, 1, steps), slopes.view(-1, steps, channels))
        grad_key = weight * (grad.sum(2, keepdim=True) - by_key.view(batch, positions, channels))
        # Either all words' positions together or each word's own.
        groups = 1 if ctx.shared else batch
        rows = grad.view(groups, -1, steps).transpose(1, 2)[:, :, None]
        slopes = slopes.view(groups, -1, steps, channels).transpose(1, 2)
        by_query = torch.matmul(rows, slopes).squeeze(2)
        grad_query = weight * (rows.sum(3) - by_query)
        return grad_query, grad_key, grad_weight[0]
