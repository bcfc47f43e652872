"""Modularity and collapse by hand, by loops in float64 and by networkx where it is there."""
import math

import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.losses.functional import collapse, modularity

NOISE = torch.Generator().manual_seed(0)
# Two cliques of three.
CLIQUES = torch.block_diag(*[1 - torch.eye(3, dtype=torch.float64)] * 2)[None]
APART = torch.eye(2, dtype=torch.float64).repeat_interleave(3, 0)[None]
ONE = torch.tensor([1.0, 0.0], dtype=torch.float64).repeat(6, 1)[None]
ALL = torch.ones(1, 6, dtype=torch.bool)
TWO = torch.tensor([2])


def test_by_hand():
    assert modularity(CLIQUES, APART).item() == pytest.approx(0.5, rel=1e-12)
    assert modularity(CLIQUES, ONE).item() == pytest.approx(0, abs=1e-12)
    assert modularity(0 * CLIQUES, APART).item() == 0
    assert collapse(APART, ALL, TWO).item() == pytest.approx(0, abs=1e-12)
    assert collapse(ONE, ALL, TWO).item() == pytest.approx(math.sqrt(2) - 1, rel=1e-12)
    assert collapse(ONE, ~ALL, TWO).item() == 0
    loss = MODELS.build(dict(type='ModularityLoss', loss_weight=2.0, collapse_weight=0.5))
    assert loss(CLIQUES, ONE, ALL, TWO).item() == pytest.approx(
        2 * (1 + (math.sqrt(2) - 1) / 2), rel=1e-12)
    # One group, or one node: there is nothing to choose.
    assert loss(CLIQUES, ONE, ALL, TWO - 1).item() == 0
    assert loss(CLIQUES, ONE, ALL & (torch.arange(6) < 1), TWO).item() == 0


def random_case():
    graph = torch.rand(2, 5, 5, generator=NOISE, dtype=torch.float64)
    graph = graph + graph.transpose(1, 2)
    assignment = torch.randn(2, 5, 3, generator=NOISE, dtype=torch.float64).softmax(2)
    return graph, assignment


def test_against_loops():
    graph, assignment = random_case()
    valid = torch.tensor([[True] * 5, [True, True, True, False, False]])
    graph = graph * (valid[:, :, None] & valid[:, None])
    groups = torch.tensor([3, 3])
    for n in range(2):
        a, c = graph[n].tolist(), assignment[n].tolist()
        degrees = [sum(row) for row in a]
        s = sum(degrees)
        want = sum((a[i][j] - degrees[i] * degrees[j] / s) * c[i][k] * c[j][k]
                   for i in range(5) for j in range(5) for k in range(3)) / s
        assert modularity(graph, assignment)[n].item() == pytest.approx(want, rel=1e-12)
        members = [i for i in range(5) if valid[n, i]]
        sums = [sum(c[i][k] for i in members) for k in range(3)]
        want = math.sqrt(3) / len(members) * math.sqrt(sum(x * x for x in sums)) - 1
        assert collapse(assignment, valid, groups)[n].item() == pytest.approx(want, rel=1e-9)
    # Closed groups and padded nodes change nothing, nor does the order of nodes.
    pad = torch.nn.functional.pad
    padded = pad(graph, (0, 2, 0, 2)), pad(assignment, (0, 1, 0, 2)), pad(valid, (0, 2))
    torch.testing.assert_close(modularity(*padded[:2]), modularity(graph, assignment),
                               rtol=0, atol=1e-12)
    torch.testing.assert_close(collapse(*padded[1:], groups), collapse(assignment, valid, groups),
                               rtol=0, atol=1e-12)
    order = torch.tensor([4, 0, 3, 1, 2])
    turned = modularity(graph[:, order][:, :, order], assignment[:, order])
    torch.testing.assert_close(turned, modularity(graph, assignment), rtol=0, atol=1e-12)


def test_against_networkx():
    networkx = pytest.importorskip('networkx')
    graph = random_case()[0][0]
    graph.fill_diagonal_(0)
    groups = [{0, 3}, {1}, {2, 4}]
    assignment = torch.tensor([[float(i in group) for group in groups] for i in range(5)])
    want = networkx.community.modularity(networkx.from_numpy_array(graph.numpy()), groups)
    assert modularity(graph[None], assignment[None].double()).item() == pytest.approx(want)


def test_gradients_and_precision():
    graph, assignment = random_case()
    valid, groups = torch.ones(2, 5, dtype=torch.bool), torch.tensor([3, 2])
    loss = MODELS.build(dict(type='ModularityLoss'))
    assert torch.autograd.gradcheck(lambda c: loss(graph, c, valid, groups),
                                    assignment.requires_grad_())
    want = loss(graph, assignment, valid, groups).item()
    with torch.autocast('cpu', torch.bfloat16):
        got = loss(graph.float(), assignment.float(), valid, groups).item()
    assert got == pytest.approx(want, rel=1e-5)
    with pytest.raises(ValueError, match='assignment must be'):
        modularity(graph, assignment[:1])
