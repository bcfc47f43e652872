import pytest
import torch

from mmocr_siga.models.layers.additive_scores import additive_scores


def inputs(shared=False, batch=3, steps=4, positions=5, channels=6, dtype=torch.float64):
    shapes = [(1 if shared else batch, steps, channels), (batch, positions, channels), (channels,)]
    return [torch.randn(s, dtype=dtype, requires_grad=True) for s in shapes]


def plain(query, key, weight):
    return (torch.tanh(query[:, :, None] + key[:, None]) * weight).sum(-1)


def gradients(function, parts, upstream):
    return torch.autograd.grad((function(*parts) * upstream).sum(), parts)


@pytest.mark.parametrize('shared', [False, True])
@pytest.mark.parametrize('size', [dict(), dict(batch=1), dict(steps=1), dict(positions=1),
                                  dict(batch=1, steps=1, positions=1, channels=1)])
def test_values_and_gradients_are_those_of_autograd(shared, size):
    parts = inputs(shared, **size)
    want = plain(*parts)
    torch.testing.assert_close(additive_scores(*parts), want)
    with torch.no_grad():
        torch.testing.assert_close(additive_scores(*parts), want)
    upstream = torch.randn_like(want)
    for got, expected in zip(gradients(additive_scores, parts, upstream),
                             gradients(plain, parts, upstream)):
        torch.testing.assert_close(got, expected)
    query, key, weight = parts[0], parts[1].detach(), parts[2]  # some gradients alone
    for got, expected in zip(*(torch.autograd.grad(f(query, key, weight).sum(), (query, weight))
                               for f in (additive_scores, plain))):
        torch.testing.assert_close(got, expected)


def test_half_precision_under_autocast():
    query, key, weight = inputs(shared=True, channels=32, dtype=torch.float32)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        got = additive_scores(query, key.bfloat16(), weight)
    assert got.dtype == torch.bfloat16
    want = plain(query, key, weight)
    torch.testing.assert_close(got.float(), want, atol=0.15, rtol=0.05)
    got.float().sum().backward()
    expected = torch.autograd.grad(want.sum(), (query, key, weight))
    for part, gradient in zip((query, key, weight), expected):
        assert part.grad.dtype == torch.float32
        torch.testing.assert_close(part.grad, gradient, atol=0.3, rtol=0.05)


def test_saturated_energies_stay_finite():
    query, key, weight = (part.detach().mul(1e4).requires_grad_() for part in inputs())
    out = additive_scores(query, key, weight)
    out.sum().backward()
    assert out.isfinite().all() and query.grad.isfinite().all() and key.grad.isfinite().all()
    assert (query.grad == 0).any()
