"""sec_loss against loops in probability space, float64, and what autograd says."""
import itertools
import math

import numpy as np
import pytest
import torch
from scipy.special import softmax

from mmocr_siga.models.losses.functional import sec_loss

POOLINGS = ('noisy_or', 'max', 'lse', 'logsumexp')


def case(n=3, positions=5, classes=4, scale=2.0, dtype=torch.double):
    logits = scale * torch.randn(n, positions, classes, dtype=dtype)
    return logits, torch.rand(n, classes) > 0.5, torch.rand(n, positions) > 0.4


def pooled(p, pooling):
    """The chance that a class appears, of its chances at the valid positions."""
    if pooling in ('max', 'noisy_or'):
        return p.max() if pooling == 'max' else 1 - (1 - p).prod()
    odds = (p / (1 - p)).sum()
    return odds / (1 + odds)


def brute_force(logits, presence, valid, ignored, pooling):
    n, positions, classes = logits.shape
    total, asked = 0.0, [k for k in range(classes) if k not in ignored]
    for i, p in enumerate(softmax(logits.numpy(), -1)):
        seen = np.ones(positions, bool) if valid is None else valid[i].numpy()
        for k in asked if seen.any() else ():
            q = pooled(p[seen, k], pooling)
            total -= math.log(q if presence[i, k] else 1 - q)
    return total / (n * len(asked))


@pytest.mark.parametrize('pooling', POOLINGS)
@pytest.mark.parametrize('ignored', [(), (1, ), (0, 3, 3)])
def test_against_loops_over_probabilities(pooling, ignored):
    logits, presence, valid = case()
    valid[0] = False  # a sample without valid positions contributes nothing
    for mask in (None, valid):
        want = brute_force(logits, presence, mask, ignored, pooling)
        got = sec_loss(logits, presence, mask, ignored, pooling)
        assert got.dtype == torch.double and got.item() == pytest.approx(want, rel=1e-12)
        single = sec_loss(logits.float(), presence, mask, ignored, pooling)
        assert single.item() == pytest.approx(want, rel=1e-5)


def test_gradient_where_the_logarithm_changes_its_formula():
    # Chances around the bound below which the sum stands for the noisy or, and around 0.6.
    presence = torch.tensor([[True, True, False]])
    for low in (-35.5, -36.2, -40.0):
        logits = torch.tensor([[[0.0, low, low], [0.4, low, 0.0]]], dtype=torch.double,
                              requires_grad=True)
        assert torch.autograd.gradcheck(lambda x: sec_loss(x, presence), logits)


@pytest.mark.parametrize('pooling', POOLINGS)
@pytest.mark.parametrize('present', [True, False])
def test_extremes_are_finite_and_right_in_single_precision(pooling, present):
    presence = torch.full((64, 3), present)
    signs = torch.tensor(list(itertools.product((-100.0, 100.0), repeat=6))).view(64, 2, 3)
    for logits in (signs, torch.zeros(64, 2, 3), 100 * torch.randn(64, 2, 3).clamp(-1, 1)):
        single = logits.clone().requires_grad_()
        double = logits.double().requires_grad_()
        loss, exact = (sec_loss(x, presence, pooling=pooling) for x in (single, double))
        loss.backward()
        exact.backward()
        assert loss.isfinite() and single.grad.isfinite().all()
        assert loss.item() == pytest.approx(exact.item(), rel=1e-5)
        if pooling != 'max':  # where several are highest, rounding chooses among them
            torch.testing.assert_close(single.grad.double(), double.grad, rtol=1e-4, atol=1e-7)


def test_a_class_that_is_sure_to_be_missing_still_gets_a_gradient():
    # p = e^-200 is 0 in single precision; its logarithm, and what moves it, are not.
    logits = torch.tensor([[[100.0, -100.0], [100.0, -100.0]]], requires_grad=True)
    for pooling in POOLINGS:
        logits.grad = None
        loss = sec_loss(logits, torch.tensor([[False, True]]), None, [0], pooling)
        loss.backward()
        bonus = 0 if pooling == 'max' else math.log(2)
        assert loss.item() == pytest.approx(200 - bonus, abs=1e-3)
        torch.testing.assert_close(logits.grad[0, :, 1], torch.tensor([-0.5, -0.5]))


@pytest.mark.parametrize('pooling', POOLINGS)
def test_nothing_to_ask(pooling):
    logits, presence, valid = case()
    logits.requires_grad_()
    loss = sec_loss(logits, presence, valid, range(4), pooling)
    loss.backward()
    assert loss == 0 and (logits.grad == 0).all()
    assert sec_loss(logits, presence, torch.zeros_like(valid), (), pooling) == 0
    assert sec_loss(logits[:0], presence[:0], None, (), pooling) == 0
    assert sec_loss(logits[:, :0], presence, None, (), pooling) == 0


@pytest.mark.parametrize('change, message', [
    (dict(logits=torch.zeros(3, 4)), 'logits must be'),
    (dict(logits=torch.zeros(3, 5, 4, dtype=torch.long)), 'logits must be'),
    (dict(logits=torch.zeros(3, 5, 1), presence=torch.ones(3, 1).bool()), 'C > 1'),
    (dict(presence=torch.zeros(3, 4)), 'presence must be bool'),
    (dict(presence=torch.zeros(3, 5).bool()), r'presence must be .* \(3, 4\)'),
    (dict(valid=torch.zeros(3, 4).bool()), r'valid must be .* \(3, 5\)'),
    (dict(valid=torch.zeros(3, 5)), 'valid must be bool'),
    (dict(ignore_classes=[4]), r'between 0 and 3, but holds \[4\]'),
    (dict(ignore_classes=[-1]), 'between 0 and 3'),
    (dict(pooling='mean'), "pooling must be one of .* but is 'mean'"),
])
def test_bad_input_is_named(change, message):
    good = dict(logits=torch.zeros(3, 5, 4), presence=torch.zeros(3, 4).bool())
    with pytest.raises(ValueError, match=message):
        sec_loss(**dict(good, **change))
