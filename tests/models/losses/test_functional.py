import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from mmocr_siga.models.losses.functional import (
    coverage_loss,
    glyph_loss,
    orthogonality_loss,
    resize_attention,
    text_mask_loss,
)
from mmocr_siga.models.pseudo_labels.functional import glyph_labels

LENGTHS = torch.tensor([0, 3, 9, 4])  # none, some, more than the 5 steps


def case(seed=0, n=4, t=5, dtype=torch.double):
    """Inputs of all losses; attention at image width."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    return dict(
        attention=torch.softmax(2 * normal(n, t, 12), 2),
        foreground=normal(n, 6, 12) > 0,
        mask_logits=2 * normal(n, 2, 6, 12),
        glyph_logits=normal(n, t + 1, 3, 4),
        labels=normal(n, t + 1, 3, 4) > 0.5)


LOSSES = {
    'orthogonality': lambda c, n: orthogonality_loss(c['attention'], n),
    'coverage': lambda c, n: coverage_loss(c['attention'], c['foreground'], n),
    'coverage, reference':
        lambda c, n: coverage_loss(c['attention'], c['foreground'], n, reference=True),
    'coverage, float': lambda c, n: coverage_loss(
        c['attention'], c['foreground'].to(c['attention'].dtype), n),
    'text mask': lambda c, n: text_mask_loss(c['mask_logits'], c['foreground']),
    'text mask, reference':
        lambda c, n: text_mask_loss(c['mask_logits'], c['foreground'], reference=True),
    'text mask, ignoring': lambda c, n: text_mask_loss(
        c['mask_logits'], c['foreground'], ignore_above=100.0),
    'glyph cross-entropy': lambda c, n: glyph_loss(c['glyph_logits'], c['labels'], n)[0],
    'glyph Dice': lambda c, n: glyph_loss(c['glyph_logits'], c['labels'], n)[1],
}
SIMPLE = [name for name in LOSSES if name not in ('coverage, float', 'text mask, ignoring')]


def oracle(name, c, lengths):
    """Losses of the samples, written from the formulas with loops over every index."""
    samples = []
    for n, length in enumerate(lengths.tolist()):
        sample = {key: value[n].numpy() for key, value in c.items()}
        length = min(length, sample['attention'].shape[0])
        samples.append(ORACLES[name](sample, length))
    return np.array(samples)


def oracle_orthogonality(s, length):
    a = s['attention']
    total = sum((a[i, w] * a[j, w])**2 for w in range(a.shape[1])
                for j in range(length) for i in range(j))
    return total / length if length else 0.0


def oracle_coverage(s, length, reference=False):
    if length == 0 and not reference:
        return 0.0
    losses = []
    for h, w in np.ndindex(s['foreground'].shape):
        text = bool(s['foreground'][h, w])
        covered = sum(text / (1 + math.exp(-70 * (s['attention'][t, w] - 0.1)))
                      for t in range(length))
        m = min(max(covered, 0), 1)
        scores = (1 - m, m)
        if reference:
            scores = [math.exp(x) / (math.exp(1 - m) + math.exp(m)) for x in scores]
        losses.append(-math.log(max(scores[text], 1e-6)))
    return np.mean(losses)


def oracle_text_mask(s, _, reference=False):
    losses = []
    for h, w in np.ndindex(s['foreground'].shape):
        scores = np.exp(s['mask_logits'][:, h, w])
        scores = scores / scores.sum()
        if reference:
            scores = np.exp(scores) / np.exp(scores).sum()
        losses.append(-math.log(scores[int(s['foreground'][h, w])]))
    return np.mean(losses)


def oracle_glyph_cross_entropy(s, _):
    losses = []
    for h, w in np.ndindex(s['labels'].shape[1:]):
        p = np.exp(s['glyph_logits'][:, h, w])
        claims = [c for c in range(len(p)) if s['labels'][c, h, w]]
        losses.append(-math.log(p[claims[0] if claims else 0] / p.sum()))
    return np.mean(losses)


def oracle_dice(s, length):
    losses = []
    p = np.exp(s['glyph_logits'])
    p = p / p.sum(0)
    for c in range(1, length + 1):
        y = s['labels'][c]
        losses.append(1 - (2 * (p[c] * y).sum() + 1) / (p[c].sum() + y.sum() + 1))
    return np.mean(losses) if losses else 0.0


ORACLES = {
    'orthogonality': oracle_orthogonality,
    'coverage': oracle_coverage,
    'coverage, reference': lambda s, n: oracle_coverage(s, n, True),
    'coverage, float': oracle_coverage,
    'text mask': oracle_text_mask,
    'text mask, reference': lambda s, n: oracle_text_mask(s, n, True),
    'text mask, ignoring': oracle_text_mask,
    'glyph cross-entropy': oracle_glyph_cross_entropy,
    'glyph Dice': oracle_dice,
}


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('seed', range(3))
def test_brute_force(name, seed):
    c = case(seed)
    expected = oracle(name, c, LENGTHS).mean()
    np.testing.assert_allclose(LOSSES[name](c, LENGTHS).item(), expected, rtol=1e-8)


@pytest.mark.parametrize('name', LOSSES)
def test_gradient(name):
    c = case(1)
    key = dict(glyph='glyph_logits', text='mask_logits').get(name.split()[0], 'attention')
    assert torch.autograd.gradcheck(
        lambda leaf: LOSSES[name](dict(c, **{key: leaf}), LENGTHS), c[key].requires_grad_())


PADDED = {
    'coverage': lambda c, n, v: coverage_loss(c['attention'], c['foreground'], n, valid=v),
    'coverage, reference':
        lambda c, n, v: coverage_loss(c['attention'], c['foreground'], n, True, v),
    'coverage, float': lambda c, n, v: coverage_loss(
        c['attention'], c['foreground'].to(c['attention'].dtype), n, valid=v),
    'text mask': lambda c, n, v: text_mask_loss(c['mask_logits'], c['foreground'], valid=v),
    'text mask, ignoring': lambda c, n, v: text_mask_loss(
        c['mask_logits'], c['foreground'], 100.0, valid=v),
    'glyph cross-entropy': lambda c, n, v: glyph_loss(c['glyph_logits'], c['labels'], n, v)[0],
    'glyph Dice': lambda c, n, v: glyph_loss(c['glyph_logits'], c['labels'], n, v)[1],
}


VALID = torch.arange(12) < torch.tensor([[12], [9], [6], [3]])
# Of whatever batch, on whatever device.
ALL = dict(LOSSES, **{
    f'{name}, padded': partial(
        lambda loss, c, n: loss(c, n, VALID.to(n.device, non_blocking=True)), loss)
    for name, loss in PADDED.items()})


@pytest.mark.parametrize('name', PADDED)
def test_padding_does_not_count(name):
    """A padded batch is the mean of its words without padding, in value and gradient."""
    c, columns = case(8), VALID.sum(1).tolist()
    key = dict(glyph='glyph_logits', text='mask_logits').get(name.split()[0], 'attention')
    alone = [LOSSES[name]({k: v[i:i + 1, ..., :v.shape[-1] * columns[i] // 12]
                           for k, v in c.items()}, LENGTHS[i:i + 1]) for i in range(4)]
    leaf = c[key].requires_grad_()
    loss = ALL[f'{name}, padded'](c, LENGTHS)
    torch.testing.assert_close(loss, torch.stack(alone).mean(), rtol=1e-9, atol=0)
    assert torch.autograd.gradcheck(
        lambda x: PADDED[name](dict(c, **{key: x}), LENGTHS, VALID), leaf)
    loss.backward()
    for gradient, width in zip(leaf.grad, columns):
        assert (gradient[..., gradient.shape[-1] * width // 12:] == 0).all()


@given(st.sampled_from(sorted(LOSSES)), st.integers(0, 2**16), st.integers(1, 4))
def test_batch_is_the_mean_of_its_samples(name, seed, n):
    c = case(seed, n, dtype=torch.float32)
    lengths = LENGTHS[-n:]
    alone = [LOSSES[name]({key: value[i:i + 1] for key, value in c.items()}, lengths[i:i + 1])
             for i in range(n)]
    torch.testing.assert_close(LOSSES[name](c, lengths), torch.stack(alone).mean())


@given(st.sampled_from(['orthogonality', 'coverage', 'coverage, reference']),
       st.integers(0, 2**16), st.integers(1, 3), st.integers(0, 5))
def test_steps_past_the_word_do_not_matter(name, seed, more, length):
    c = case(seed)
    lengths = torch.full((4, ), length)
    attention = c['attention'].clone()
    attention[:, length:] = torch.rand(4, 5 - length, 12)
    longer = dict(c, attention=torch.cat((attention, torch.rand(4, more, 12).double()), 1))
    torch.testing.assert_close(LOSSES[name](longer, lengths), LOSSES[name](c, lengths))


def test_orthogonality_by_hand():
    uniform = torch.full((1, 3, 4), 0.25)  # a pair: 4 columns of (1/16)^2 = 1/64
    for length, pairs in ((0, 0), (1, 0), (2, 1), (3, 3), (7, 3)):
        loss = orthogonality_loss(uniform, torch.tensor([length]))
        assert loss.item() == pytest.approx(pairs / 64 / max(min(length, 3), 1))
    assert orthogonality_loss(torch.eye(4)[None], torch.tensor([4])).item() == 0


def test_orthogonality_reductions():
    attention = torch.full((3, 3, 4), 0.25)
    lengths = torch.tensor([0, 2, 3])
    losses = orthogonality_loss(attention, lengths, 'none')
    torch.testing.assert_close(losses, torch.tensor([0, 1 / 128, 1 / 64]))
    assert orthogonality_loss(attention, lengths, 'sum').item() == pytest.approx(3 / 128)
    assert orthogonality_loss(attention, lengths).item() == pytest.approx(1 / 128)


def test_coverage_by_hand():
    foreground = torch.zeros(1, 2, 4, dtype=torch.bool)
    foreground[0, 0] = True
    attention = torch.full((1, 2, 4), 0.1)  # sigma = 1/2
    one = coverage_loss(attention, foreground, torch.tensor([1]))
    assert one.item() == pytest.approx(math.log(2) / 2)  # half of the pixels are text
    assert coverage_loss(attention, foreground, torch.tensor([2])).item() == pytest.approx(0)
    assert coverage_loss(attention, ~foreground & foreground, torch.tensor([1])).item() == 0
    reference = coverage_loss(attention, foreground, torch.tensor([1]), reference=True)
    background = math.log(1 + math.exp(-1))
    assert reference.item() == pytest.approx((math.log(2) + background) / 2)


def test_coverage_of_a_foreground_between_0_and_1():
    # M = 0.5 * 0.6 against text, 0.5 * 0.4 against background
    foreground = torch.tensor([[[0.6, 0.4]]], requires_grad=True)
    attention = torch.full((1, 1, 2), 0.1, requires_grad=True)
    loss = coverage_loss(attention, foreground, torch.tensor([1]))
    assert loss.item() == pytest.approx(-(math.log(0.3) + math.log(0.8)) / 2)
    loss.backward()
    assert foreground.grad is None and attention.grad.abs().min() > 0


@pytest.mark.parametrize('as_float', [False, True])
def test_coverage_reference_is_a_cross_entropy_of_probabilities(as_float):
    c = case(2)
    foreground = c['foreground']
    if as_float:
        foreground = torch.sigmoid(c['mask_logits'][:, 0])
    sigma = 1 / (1 + torch.exp(-70 * (c['attention'] - 0.1)))
    sigma = sigma * (torch.arange(5) < LENGTHS[:, None])[:, :, None]
    m = (sigma[:, :, None] * foreground[:, None]).sum(1).clamp(0, 1)
    expected = F.cross_entropy(torch.stack((1 - m, m), 1), (foreground > 0.5).long())
    loss = coverage_loss(c['attention'], foreground, LENGTHS, reference=True)
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=0)


@pytest.mark.parametrize('value', [0.0, 1.0])
@pytest.mark.parametrize('reference', [False, True])
@pytest.mark.parametrize('as_float', [False, True])
def test_coverage_is_finite_where_m_is_0_or_1(value, reference, as_float):
    attention = torch.full((3, 2, 4), value, requires_grad=True)
    foreground = torch.ones(3, 2, 4) if as_float else torch.ones(3, 2, 4, dtype=torch.bool)
    loss = coverage_loss(attention, foreground, torch.tensor([0, 1, 2]), reference)
    loss.backward()
    assert loss.isfinite() and attention.grad.isfinite().all()
    if not reference:
        sigma = 1 / (1 + math.exp(-70 * (value - 0.1)))
        expected = -(math.log(min(sigma, 1)) + math.log(min(2 * sigma, 1))) / 3
        assert loss.item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_text_mask_by_hand():
    logits = torch.zeros(1, 2, 1, 2)
    mask = torch.tensor([[[True, False]]])
    assert text_mask_loss(logits, mask).item() == pytest.approx(math.log(2))
    logits[0, 1, 0] = torch.tensor([math.log(3), math.log(3)])  # p(text) = 3/4
    expected = -(math.log(0.75) + math.log(0.25)) / 2
    assert text_mask_loss(logits, mask).item() == pytest.approx(expected)
    expected = (math.log(1 + math.exp(-0.5)) + math.log(1 + math.exp(0.5))) / 2
    assert text_mask_loss(logits, mask, reference=True).item() == pytest.approx(expected)


@pytest.mark.parametrize('scale', [1.0, 1e4])
def test_text_mask_reference_range_and_parity(scale):
    c = case(3)
    logits, mask = scale * c['mask_logits'], c['foreground']
    loss = text_mask_loss(logits, mask, reference=True)
    expected = F.cross_entropy(logits.softmax(1), mask.long())
    torch.testing.assert_close(loss, expected, rtol=1e-9, atol=0)
    right = torch.stack((~mask, mask), 1) * 1e4
    assert text_mask_loss(right, mask, reference=True).item() == pytest.approx(0.31326, abs=1e-5)
    assert text_mask_loss(-right, mask, reference=True).item() == pytest.approx(1.31326, abs=1e-5)


def test_text_mask_drops_samples():
    logits = torch.zeros(3, 2, 1, 1)
    logits[:, 1, 0, 0] = torch.tensor([2.0, 0.0, -2.0])
    logits.requires_grad_()
    mask = torch.ones(3, 1, 1, dtype=torch.bool)
    losses = [math.log(1 + math.exp(-x)) for x in (2, 0, -2)]  # 0.127, 0.693, 2.127
    for limit, kept in ((3.0, 3), (1.0, 2), (0.5, 1)):
        loss = text_mask_loss(logits, mask, ignore_above=limit)
        assert loss.item() == pytest.approx(sum(losses[:kept]) / kept)
    gradient, = torch.autograd.grad(text_mask_loss(logits, mask, ignore_above=1.0), logits)
    assert gradient[:2].abs().min() > 0 and gradient[2].abs().max() == 0
    reached = text_mask_loss(torch.zeros(1, 2, 1, 1), mask[:1], ignore_above=math.log(2) - 1e-7)
    assert reached.item() == 0


def test_text_mask_drops_all():
    logits = torch.zeros(2, 2, 3, 3, requires_grad=True)
    mask = torch.ones(2, 3, 3, dtype=torch.bool)
    loss = text_mask_loss(logits, mask, ignore_above=0.1)
    loss.backward()
    assert loss.item() == 0 and logits.grad.abs().max() == 0


def test_glyph_loss_of_uniform_maps_by_hand():
    labels = torch.zeros(1, 4, 2, 2, dtype=torch.bool)
    labels[0, 1, 0] = True
    cross_entropy, dice = glyph_loss(torch.zeros(1, 4, 2, 2), labels, torch.tensor([2]))
    assert cross_entropy.item() == pytest.approx(math.log(4))
    # Every p is 1/4, its sum 1: channel 1 overlaps by 1/2 and has 2 pixels, channel 2 has none.
    first, second = 1 - (2 * 0.5 + 1) / (1 + 2 + 1), 1 - 1 / (1 + 0 + 1)
    assert dice.item() == pytest.approx((first + second) / 2)


def test_glyph_target_is_the_lowest_claim_or_background():
    logits = torch.randn(1, 4, 1, 3)
    labels = torch.zeros(1, 4, 1, 3, dtype=torch.bool)
    labels[0, 2:, 0, 0] = True  # claimed by 2 and 3
    labels[0, :, 0, 1] = True  # by all; the last pixel by none
    loss, _ = glyph_loss(logits, labels, torch.tensor([3]))
    torch.testing.assert_close(loss, F.cross_entropy(logits, torch.tensor([[[2, 0, 0]]])))


def test_glyph_target_with_more_channels_than_a_byte_counts():
    logits = torch.randn(1, 300, 1, 2)
    labels = torch.zeros(1, 300, 1, 2, dtype=torch.bool)
    labels[0, 290:, 0, 0] = True
    loss, _ = glyph_loss(logits, labels, torch.tensor([299]))
    torch.testing.assert_close(loss, F.cross_entropy(logits, torch.tensor([[[290, 0]]])))


@pytest.mark.parametrize('name', SIMPLE)
def test_extreme_input_keeps_value_and_gradient_finite(name):
    c = case(0, dtype=torch.float32)
    c['attention'] = (c['attention'] == c['attention'].amax(2, keepdim=True)).float()
    c = {key: value * 1e4 if 'logits' in key else value for key, value in c.items()}
    leaves = [value.requires_grad_() for value in c.values() if value.is_floating_point()]
    loss = LOSSES[name](c, LENGTHS)
    loss.backward()
    assert loss.isfinite()
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in leaves)


@pytest.mark.parametrize('name', LOSSES)
def test_nan_is_seen(name):
    c = case()
    for value in c.values():
        if value.is_floating_point():
            value[2, 1, 0] = math.nan
    assert LOSSES[name](c, LENGTHS).isnan()


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('dtype', [torch.half, torch.bfloat16])
def test_half_precision_input_and_autocast(name, dtype):
    c = case(5, dtype=torch.float32)
    half = {key: value.to(dtype) if value.is_floating_point() else value
            for key, value in c.items()}
    rounded = {key: value.float() if value.is_floating_point() else value
               for key, value in half.items()}
    expected = LOSSES[name](rounded, LENGTHS)
    assert expected.dtype == torch.float32
    torch.testing.assert_close(LOSSES[name](half, LENGTHS), expected)
    with torch.autocast('cpu', torch.bfloat16):
        for inputs in (half, rounded):
            torch.testing.assert_close(LOSSES[name](inputs, LENGTHS), expected)


@pytest.mark.parametrize('function, arguments, message', [
    (orthogonality_loss, (torch.rand(2, 4), LENGTHS[:2]), 'attention must be'),
    (orthogonality_loss, (torch.rand(2, 3, 4), LENGTHS), 'lengths must be'),
    (orthogonality_loss, (torch.rand(2, 3, 4), torch.ones(2)), 'lengths must be integers'),
    (orthogonality_loss, (torch.rand(2, 3, 4), LENGTHS[:2], 'avg'), "'none', 'mean' or 'sum'"),
    (coverage_loss, (torch.rand(2, 3, 4), torch.ones(2, 4), LENGTHS[:2]), 'foreground must be'),
    (coverage_loss, (torch.rand(2, 3, 4), torch.ones(2, 5, 8), LENGTHS[:2]), 'the same width'),
    (coverage_loss, (torch.rand(2, 3, 4), torch.ones(2, 5, 4).long(), LENGTHS[:2]),
     'foreground must be'),
    (text_mask_loss, (torch.rand(2, 3, 4, 4), torch.ones(2, 4, 4).bool()), 'logits must be'),
    (text_mask_loss, (torch.rand(2, 2, 4, 4), torch.ones(2, 4, 5).bool()), 'mask must be'),
    (text_mask_loss, (torch.rand(2, 2, 4, 4), torch.ones(2, 4, 4)), 'mask must be'),
    (glyph_loss, (torch.rand(2, 1, 4, 4), torch.ones(2, 1, 4, 4).bool(), LENGTHS[:2]),
     'logits must be'),
    (glyph_loss, (torch.rand(2, 3, 4, 4), torch.ones(2, 3, 4, 4), LENGTHS[:2]), 'labels must be'),
    (glyph_loss, (torch.rand(2, 3, 4, 4), torch.ones(2, 2, 4, 4).bool(), LENGTHS[:2]),
     'labels must be'),
    (glyph_loss, (torch.rand(2, 3, 4, 4), torch.ones(2, 3, 4, 4).bool(), LENGTHS),
     'lengths must be'),
])
def test_errors(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


class CallCounter(TorchDispatchMode):

    def __init__(self):
        super().__init__()
        self.calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


def all_terms(n, t):
    attention = torch.rand(n, t, 8, requires_grad=True)
    foreground = torch.rand(n, 8, 16) > 0.5
    lengths = torch.full((n, ), t)
    wide = resize_attention(attention, 16)
    terms = [orthogonality_loss(wide, lengths), coverage_loss(wide, foreground, lengths),
             text_mask_loss(torch.rand(n, 2, 8, 16, requires_grad=True), foreground, 1.0)]
    for size in ((4, 8), (2, 8)):
        labels = glyph_labels(attention, foreground, lengths, size)
        terms += glyph_loss(torch.rand(n, t + 1, *size, requires_grad=True), labels, lengths)
    sum(terms).backward()


def test_number_of_operator_calls_does_not_grow():
    counts = []
    for n, t in ((1, 1), (3, 7), (16, 26)):
        with CallCounter() as counter:
            all_terms(n, t)
        counts.append(counter.calls)
    assert counts[0] == counts[1] == counts[2] < 350


@pytest.mark.parametrize('name', [*SIMPLE, 'coverage, padded', 'glyph Dice, padded'])
def test_compile(name):
    if not getattr(torch._dynamo, 'is_dynamo_supported', lambda: True)():
        pytest.skip('torch.compile does not support this Python')
    torch._dynamo.reset()
    c = case(6)
    leaves = [value.requires_grad_() for value in c.values() if value.is_floating_point()]
    # Whole graph: nothing asks for a value on the host. No C++ compiler is needed.
    function = torch.compile(ALL[name], fullgraph=True, backend='aot_eager')
    results = []
    for f in (ALL[name], function):
        loss = f(c, LENGTHS)
        results.append((loss, *torch.autograd.grad(loss, leaves, allow_unused=True)))
    for expected, actual in zip(*results):
        torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize('name', ALL)
def test_on_a_gpu_without_waiting_for_it(name):
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    c = case(7)
    on_gpu = {key: value.cuda() for key, value in c.items()}
    leaves = [value.requires_grad_() for value in on_gpu.values() if value.is_floating_point()]
    lengths = LENGTHS.cuda()
    torch.cuda.set_sync_debug_mode('error')
    try:
        loss = ALL[name](on_gpu, lengths)
        torch.autograd.grad(loss, leaves, allow_unused=True)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    torch.testing.assert_close(loss.cpu(), ALL[name](c, LENGTHS))
