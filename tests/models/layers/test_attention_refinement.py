import math
from itertools import product

import pytest
import torch

from mmocr_siga.models.layers import AttentionRefinement, exclusive_sums

N, G, T, H, W = 2, 3, 4, 2, 5
L = H * W
VALID = torch.ones(N, H, W, dtype=torch.bool)
VALID[1, :, 3:] = False


def test_exclusive_sums_by_hand():
    x = torch.tensor([[[1., 2.], [3., 4.], [5., 6.]]], dtype=torch.half)
    sums = exclusive_sums(x)
    assert sums.dtype == torch.float and sums.tolist() == [[[0, 0], [1, 2], [4, 6]]]
    assert exclusive_sums(x.double()).dtype == torch.double


def build(**options):
    torch.manual_seed(0)
    module = AttentionRefinement(G, channels=2, **options).double()
    with torch.no_grad():
        for value in module.parameters():
            value.uniform_(-1, 1)
        module.running_var.uniform_(0.5, 2)
        module.num_batches.fill_(1)
    return module


def given(seed=1):
    noise = torch.Generator().manual_seed(seed)
    energies = torch.randn(N, G, T, L, generator=noise).double() * 2
    previous = torch.randn(N, G, T, L, generator=noise).double().softmax(-1)
    blocked = ~VALID.flatten(1)[:, None, None]
    return energies.masked_fill(blocked, -math.inf), previous.masked_fill(blocked, 0)


def softmax(values):
    powers = [math.exp(value) for value in values]
    return [power / sum(powers) for power in powers]


def by_loops(module, energies, previous):
    """The refined attention, one number after the other."""
    kernel, bias, mix = module.conv.weight, module.conv.bias, module.project.weight[:, :, 0, 0]
    rows, columns = kernel.shape[2:]
    own = energies.softmax(-1)
    parts = dict(cross=[previous], self=[own], both=[previous, own])
    channels = torch.cat(parts['both' if len(module.kinds) > 1 else module.kinds[0]], 1)
    out = torch.zeros(N, G, T, L).double()
    for n, t in product(range(N), range(T)):
        coverage = sum((channels[n, :, i] for i in range(t)), torch.zeros(channels.shape[1], L))
        coverage = coverage.reshape(-1, H, W)
        hidden = torch.zeros(2, H, W).double()
        for k, y, x in product(range(2), range(H), range(W)):
            value = bias[k]
            for c, i, j in product(range(len(coverage)), range(rows), range(columns)):
                v, u = y + i - rows // 2, x + j - columns // 2
                if 0 <= v < H and 0 <= u < W:
                    value = value + kernel[k, c, i, j] * coverage[c, v, u]
            hidden[k, y, x] = max(value, 0) if VALID[n, y, x] else 0
        for g in range(G):
            scale = module.gamma[g] / math.sqrt(module.running_var[0, g] + 1e-5)
            term = [scale * sum(mix[g, k] * hidden[k].flatten()[p] for k in range(2))
                    for p in range(L)]
            values = [float(energies[n, g, t, p] - term[p]) for p in range(L)]
            out[n, g, t] = torch.tensor(softmax(values), dtype=torch.double)
    return out


@torch.no_grad()
@pytest.mark.parametrize('coverage', [('cross', ), ('self', ), ('cross', 'self')])
@pytest.mark.parametrize('kernel', [(5, 5), (1, 5)])
def test_equals_loops_over_words_steps_cells_heads_and_taps(coverage, kernel):
    module, (energies, previous) = build(coverage=coverage, kernel_size=kernel).eval(), given()
    found, state = module(energies, VALID, previous)
    expected = by_loops(module, energies, previous)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    # The first step is never refined, the others are; padding is never looked at.
    plain = energies.softmax(-1)
    torch.testing.assert_close(found[:, :, 0], plain[:, :, 0], rtol=0, atol=1e-12)
    assert ((found - plain)[:, :, 1:].abs().amax((1, 3)) > 1e-3).all()
    assert (found[1].unflatten(-1, (H, W))[..., 3:] == 0).all()
    # Step by step, too.
    state = None
    for t in range(T):
        one, state = module(energies[:, :, t:t + 1], VALID, previous[:, :, t:t + 1], state)
        torch.testing.assert_close(one, expected[:, :, t:t + 1], rtol=0, atol=1e-12)
    parts = dict(cross=previous, self=plain)
    sums = torch.cat([parts[kind] for kind in coverage], 1)
    torch.testing.assert_close((state.sums, state.last), (sums[:, :, :-1].sum(2), sums[:, :, -1]))


@pytest.mark.parametrize('norm', ['running', 'batch'])
@pytest.mark.parametrize('training', [False, True])
def test_gradients(norm, training):
    module, (energies, previous) = build(norm=norm).train(training), given()
    energies = energies.masked_fill(energies.isinf(), 0).requires_grad_()
    buffers = dict(module.named_buffers())

    def refine(*inputs):
        for name, value in buffers.items():  # every call is the second batch
            setattr(module, name, value.clone())
        return module(inputs[0], torch.ones_like(VALID), inputs[1])[0]

    assert torch.autograd.gradcheck(refine, (energies, previous.requires_grad_()), fast_mode=True)


@torch.no_grad()
def test_a_scale_of_zero_changes_nothing():
    energies, previous = given()
    module = AttentionRefinement(G, gamma=0.0).double().train()
    assert torch.equal(module(energies, VALID, previous)[0], energies.softmax(-1))


@torch.no_grad()
def test_mean_and_shift_of_the_batch_norm_cancel():
    running, batch = build(norm='running').eval(), build(reference=True).eval()
    assert batch.norm == 'batch'
    state = running.state_dict()
    for name in state.keys() & batch.state_dict().keys():
        batch.state_dict()[name].copy_(state[name])
    batch.beta.uniform_(-3, 3), batch.running_mean.uniform_(-3, 3)
    (energies, previous), coverage = given(), torch.rand(N, 2 * G, T, L).double()
    torch.testing.assert_close(batch(energies, VALID, previous)[0],
                               running(energies, VALID, previous)[0], rtol=0, atol=1e-12)
    assert (batch.term(coverage, VALID) - running.term(coverage, VALID)).abs().max() > 0.1


@torch.no_grad()
def test_batch_norm_is_pytorchs_over_the_cells_that_show_something():
    module, coverage = build(norm='batch').train(), torch.rand(N, 2 * G, T, L).double()
    norm = torch.nn.BatchNorm1d(G).double()
    for name, value in dict(weight=module.gamma, bias=module.beta, running_var=module.running_var,
                            running_mean=module.running_mean).items():
        getattr(norm, name).copy_(value.squeeze(0))
    raw = build(norm='running').eval()
    raw.load_state_dict({k: v for k, v in module.state_dict().items()
                         if k not in ('beta', 'running_mean')})
    raw.gamma.fill_(1), raw.running_var.fill_(1 - 1e-5)
    cells = VALID.flatten(1)[:, None].expand(-1, T, -1)

    def flat(term):
        return term.permute(0, 2, 3, 1)[cells]

    for mode in (True, False):
        expected = norm.train(mode)(flat(raw.term(coverage, VALID)))
        torch.testing.assert_close(flat(module.train(mode).term(coverage, VALID)), expected)
    torch.testing.assert_close((module.running_mean[0], module.running_var[0]),
                               (norm.running_mean, norm.running_var))


@torch.no_grad()
def test_the_first_batch_sets_the_variance_and_later_ones_move_it_after_they_are_read():
    torch.manual_seed(0)
    module = AttentionRefinement(G, channels=2, num_layers=2).double().train()
    module.gamma.copy_(torch.tensor([1., 2., 0.5])), module.project.weight.mul_(50)
    counted = torch.ones(N, T, dtype=torch.bool)
    counted[0, 2:] = False  # steps behind a word
    cells = counted[..., None] & VALID.flatten(1)[:, None]

    def term():
        return module.term(torch.rand(N, 2 * G, T, L).double(), VALID, counted, layer=1)

    def deviations(values):
        return values.permute(0, 2, 3, 1)[cells].std(0, unbiased=False)

    torch.testing.assert_close(deviations(term()), module.gamma.data, rtol=1e-3, atol=0)
    before = module.running_var[1].clone()
    found = deviations(term()) / module.gamma * (before + 1e-5).sqrt()  # of the raw values
    torch.testing.assert_close(module.running_var[1], 0.9 * before + 0.1 * found.square())
    # Another layer has a variance of its own, and reading moves none.
    assert module.running_var[0].tolist() == [1, 1, 1] and module.num_batches.tolist() == [0, 2]
    after = module.running_var.clone()
    module.eval(), term()
    assert torch.equal(module.running_var, after)


@torch.no_grad()
def test_steps_that_read_nothing_with_ink_are_not_counted():
    module, (energies, previous) = build().eval(), given()
    inked = torch.ones(N, T, dtype=torch.bool)
    inked[:, 2] = False  # step 1 read a blank, which step 2 is told
    found = module(energies, VALID, previous, inked=inked)[0]
    every = module(energies, VALID, previous)[0]
    assert torch.equal(found[:, :, :2], every[:, :, :2])
    # As if the blank had never been read.
    rest = [0, 2, 3]
    without = module(energies[:, :, rest], VALID, previous[:, :, rest])[0]
    torch.testing.assert_close(found[:, :, 2:], without[:, :, 1:])
    state, steps = None, []
    for t in range(T):
        one, state = module(energies[:, :, t:t + 1], VALID, previous[:, :, t:t + 1], state,
                            inked[:, t:t + 1])
        steps.append(one)
    torch.testing.assert_close(torch.cat(steps, 2), found)


@pytest.mark.parametrize('options, message', [
    (dict(coverage=('self', 'other')), 'coverage must be some of'),
    (dict(coverage=()), 'coverage must be some of'),
    (dict(kernel_size=(4, 5)), 'must be odd'), (dict(norm='layer'), 'norm must be one of')])
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        AttentionRefinement(G, **options)


def test_half_precision_keeps_the_sums_in_float32():
    module, (energies, previous) = AttentionRefinement(G).train(), given()
    with torch.autocast('cpu', torch.bfloat16):
        attention, state = module(energies.float(), VALID, previous.bfloat16())
    assert attention.dtype == state.sums.dtype == torch.float and attention.isfinite().all()
    torch.testing.assert_close(attention.sum(-1), torch.ones(N, G, T))
