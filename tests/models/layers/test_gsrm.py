import pytest
import torch
from mmocr.registry import MODELS

K, T, D = 5, 6, 8


def build(**changes):
    torch.manual_seed(0)
    args = dict(type='GSRM', num_classes=K, channels=D, num_steps=T, num_layers=2, num_heads=2,
                inner_channels=8)
    return MODELS.build({**args, **changes}).double().eval()


def changed_steps(function, tokens, at):
    """Which steps of ``function(tokens)`` change with the token at one step."""
    other = tokens.clone()
    other[0, at] = (other[0, at] + 1) % K
    return ((function(tokens) - function(other)).abs().sum(-1)[0] > 1e-9).tolist()


@torch.no_grad()
@pytest.mark.parametrize('at', range(T))
def test_a_step_knows_every_character_but_its_own_each_half_those_of_one_side(at):
    tokens = torch.tensor([[0, 3, 1, 4, 4, 2]])
    both, left, right = build(), build(), build()
    left.right.norm.weight.zero_(), left.right.norm.bias.zero_()
    right.left.norm.weight.zero_(), right.left.norm.bias.zero_()
    assert changed_steps(both.reason, tokens, at) == [t != at for t in range(T)]
    assert changed_steps(left.reason, tokens, at) == [t > at for t in range(T)]
    assert changed_steps(right.reason, tokens, at) == [t < at for t in range(T)]
    # Nothing comes after the last step, and nothing is said of it; what comes first is the pad id.
    assert (right.reason(tokens)[:, -1] == 0).all()
    before = left.reason(tokens)
    left.embedding.weight[K].neg_()
    assert ((left.reason(tokens) - before).abs().sum(-1) > 1e-9).all()


@torch.no_grad()
def test_halves_are_added_from_one_embedding():
    gsrm = build()
    tokens = torch.tensor([[0, 3, 1, 4]])
    embedded = gsrm.embedding.weight * D**0.5
    position = gsrm.position.position_table[:, :4]
    earlier = torch.tensor([[[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]]).bool()
    left = gsrm.left(embedded[[K, 0, 3, 1]][None] + position, earlier)
    right = gsrm.right(embedded[[0, 3, 1, 4]][None] + position, earlier.flip(1).flip(2))
    want = left.clone()
    want[:, :-1] += right[:, 1:]
    torch.testing.assert_close(gsrm.reason(tokens), want)


@torch.no_grad()
def test_logits_are_products_with_the_embeddings_of_the_classes():
    gsrm = build()
    glimpses = torch.randn(2, T, D).double()
    got = gsrm(glimpses)
    visual = glimpses @ gsrm.classifier.weight.T + gsrm.classifier.bias
    torch.testing.assert_close(got.visual_logits, visual)
    features = gsrm.reason(visual.argmax(-1))
    torch.testing.assert_close(got.features, features)
    assert got.logits.shape == (2, T, K)
    for k in range(K):
        torch.testing.assert_close(got.logits[..., k], features @ gsrm.embedding.weight[k])


def test_no_gradient_goes_through_the_argmax():
    gsrm = build()
    glimpses = torch.randn(2, T, D).double().requires_grad_()
    got = gsrm(glimpses)
    (got.logits.sum() + got.features.sum()).backward()
    assert glimpses.grad is None and gsrm.classifier.weight.grad is None
    assert gsrm.embedding.weight.grad.abs().sum() > 0
    gsrm(glimpses).visual_logits.sum().backward()
    assert glimpses.grad.abs().sum() > 0


def test_behind_the_end_everything_is_end_if_asked():
    logits = torch.nn.functional.one_hot(torch.tensor([[1, 4, 2, 4, 0, 3], [0] * 6]), K).double()
    assert build().tokens(logits).tolist() == [[1, 4, 2, 4, 0, 3], [0] * 6]
    assert build(end_idx=4).tokens(logits).tolist() == [[1, 4, 4, 4, 4, 4], [0] * 6]


@torch.no_grad()
def test_one_step():
    assert build()(torch.randn(1, 1, D).double()).logits.shape == (1, 1, K)
