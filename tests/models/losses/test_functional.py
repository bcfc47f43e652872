import math

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
        soft=normal(n, 6, 12).sigmoid(),
        mask_logits=2 * normal(n, 2, 6, 12),
        glyph_logits=normal(n, t + 1, 3, 4),
        labels=normal(n, t + 1, 3, 4) > 0.5)


# By name: of a case, the lengths and, where padding can be told, the valid columns.
LOSSES = {
    'orthogonality': lambda c, n, v=None: orthogonality_loss(c['attention'], n),
    'coverage': lambda c, n, v=None: coverage_loss(c['attention'], c['foreground'], n, False, v),
    'coverage, reference':
        lambda c, n, v=None: coverage_loss(c['attention'], c['foreground'], n, True, v),
    'coverage, soft': lambda c, n, v=None: coverage_loss(c['attention'], c['soft'], n, valid=v),
    'coverage, soft, reference':
        lambda c, n, v=None: coverage_loss(c['attention'], c['soft'], n, True, v),
    'text mask': lambda c, n, v=None: text_mask_loss(c['mask_logits'], c['foreground'], valid=v),
    'text mask, reference':
        lambda c, n, v=None: text_mask_loss(c['mask_logits'], c['foreground'], None, True, v),
    'text mask, ignoring':
        lambda c, n, v=None: text_mask_loss(c['mask_logits'], c['foreground'], 100.0, valid=v),
    'glyph cross-entropy':
        lambda c, n, v=None: glyph_loss(c['glyph_logits'], c['labels'], n, v)[0],
    'glyph Dice': lambda c, n, v=None: glyph_loss(c['glyph_logits'], c['labels'], n, v)[1],
}
PADDED = [name for name in LOSSES if name != 'orthogonality']
VALID = torch.arange(12) < torch.tensor([[12], [9], [6], [3]])
ALL = [(name, None) for name in LOSSES] + [(name, VALID) for name in PADDED]


def leaf_of(name):
    """What the gradient of a loss goes to."""
    return dict(glyph='glyph_logits', text='mask_logits').get(name.split()[0], 'attention')


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


def oracle_coverage(s, length, reference=False, given='foreground'):
    if length == 0 and not reference:
        return 0.0
    losses = []
    for h, w in np.ndindex(s[given].shape):
        share = float(s[given][h, w])
        covered = sum(share / (1 + math.exp(-70 * (s['attention'][t, w] - 0.1)))
                      for t in range(length))
        m = min(max(covered, 0), 1)
        scores = (1 - m, m)
        if reference:  # which takes probabilities for logits
            scores = [math.exp(x) / (math.exp(1 - m) + math.exp(m)) for x in scores]
        losses.append(-math.log(max(scores[share > 0.5], 1e-6)))
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
    'coverage, soft': lambda s, n: oracle_coverage(s, n, given='soft'),
    'coverage, soft, reference': lambda s, n: oracle_coverage(s, n, True, 'soft'),
    'text mask': oracle_text_mask,
    'text mask, reference': lambda s, n: oracle_text_mask(s, n, True),
    'text mask, ignoring': oracle_text_mask,
    'glyph cross-entropy': oracle_glyph_cross_entropy,
    'glyph Dice': oracle_dice,
}


@pytest.mark.parametrize('name', LOSSES)
@pytest.mark.parametrize('seed, n', [(0, 4), (1, 4), (2, 1)])
def test_brute_force(name, seed, n):
    """The mean of what the formulas give each sample."""
    c = case(seed, n)
    expected = oracle(name, c, LENGTHS[-n:]).mean()
    np.testing.assert_allclose(LOSSES[name](c, LENGTHS[-n:]).item(), expected, rtol=1e-8)


@pytest.mark.parametrize('name', LOSSES)
def test_gradient(name):
    c, key = case(1), leaf_of(name)
    assert torch.autograd.gradcheck(
        lambda leaf: LOSSES[name](dict(c, **{key: leaf}), LENGTHS), c[key].requires_grad_())


@pytest.mark.parametrize('name', PADDED)
def test_padding_does_not_count(name):
    """A padded batch is the mean of its words without padding, in value and gradient."""
    c, columns = case(8), VALID.sum(1).tolist()
    key = leaf_of(name)
    alone = [LOSSES[name]({k: v[i:i + 1, ..., :v.shape[-1] * columns[i] // 12]
                           for k, v in c.items()}, LENGTHS[i:i + 1]) for i in range(4)]
    leaf = c[key].requires_grad_()
    loss = LOSSES[name](c, LENGTHS, VALID)
    torch.testing.assert_close(loss, torch.stack(alone).mean(), rtol=1e-9, atol=0)
    assert torch.autograd.gradcheck(
        lambda x: LOSSES[name](dict(c, **{key: x}), LENGTHS, VALID), leaf)
    loss.backward()
    for gradient, width in zip(leaf.grad, columns):
        assert (gradient[..., gradient.shape[-1] * width // 12:] == 0).all()


@given(st.sampled_from(['orthogonality', 'coverage', 'coverage, reference']),
       st.integers(0, 2**16), st.integers(1, 3), st.integers(0, 5))
def test_steps_past_the_word_do_not_matter(name, seed, more, length):
    c = case(seed)
    lengths = torch.full((4, ), length)
    attention = c['attention'].clone()
    attention[:, length:] = torch.rand(4, 5 - length, 12)
    longer = dict(c, attention=torch.cat((attention, torch.rand(4, more, 12).double()), 1))
    torch.testing.assert_close(LOSSES[name](longer, lengths), LOSSES[name](c, lengths))


def test_orthogonality_reductions():
    attention = torch.full((3, 3, 4), 0.25)
    lengths = torch.tensor([0, 2, 3])
    losses = orthogonality_loss(attention, lengths, 'none')
    torch.testing.assert_close(losses, torch.tensor([0, 1 / 128, 1 / 64]))
    assert orthogonality_loss(attention, lengths, 'sum').item() == pytest.approx(3 / 128)
    assert orthogonality_loss(attention, lengths).item() == pytest.approx(1 / 128)


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
        background = torch.zeros_like(foreground)
        assert coverage_loss(attention, background, torch.tensor([0, 1, 2])) == 0


def test_text_mask_reference_range_and_parity():
    c = case(3)
    logits, mask = 1e4 * c['mask_logits'], c['foreground']
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
    for limit, kept in ((3.0, 3), (1.0, 2), (0.5, 1), (0.1, 0)):
        loss = text_mask_loss(logits, mask, ignore_above=limit)
        assert loss.item() == pytest.approx(sum(losses[:kept]) / max(kept, 1))
        gradient, = torch.autograd.grad(loss, logits)
        assert (gradient[:kept] != 0).all() and (gradient[kept:] == 0).all()
    reached = text_mask_loss(torch.zeros(1, 2, 1, 1), mask[:1], ignore_above=math.log(2) - 1e-7)
    assert reached.item() == 0


@pytest.mark.parametrize('channels', [4, 300])  # more than a byte counts
def test_glyph_target_is_the_lowest_claim_or_background(channels):
    logits = torch.randn(1, channels, 1, 3)
    labels = torch.zeros(1, channels, 1, 3, dtype=torch.bool)
    labels[0, -2:, 0, 0] = True  # claimed by the last two
    labels[0, :, 0, 1] = True  # by all; the last pixel by none
    loss, _ = glyph_loss(logits, labels, torch.tensor([channels - 1]))
    target = torch.tensor([[[channels - 2, 0, 0]]])
    torch.testing.assert_close(loss, F.cross_entropy(logits, target))


@pytest.mark.parametrize('name', LOSSES)
def test_extreme_input_keeps_value_and_gradient_finite(name):
    c = case(0, dtype=torch.float32)
    c['attention'] = (c['attention'] == c['attention'].amax(2, keepdim=True)).float()
    c = {key: value * 1e4 if 'logits' in key else value for key, value in c.items()}
    leaves = [value.requires_grad_() for value in c.values() if value.is_floating_point()]
    loss = LOSSES[name](c, LENGTHS)
    loss.backward()
    assert loss.isfinite()
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in leaves)
    assert c['soft'].grad is None  # a target


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


MAPS, MASKS, CLAIMS = torch.rand(2, 3, 4), torch.ones(2, 5, 4), torch.ones(2, 3, 4, 4)
TWO = LENGTHS[:2]


@pytest.mark.parametrize('function, arguments, message', [
    (orthogonality_loss, (MAPS[0], TWO), 'attention must be'),
    (orthogonality_loss, (MAPS, LENGTHS), 'lengths must be'),
    (orthogonality_loss, (MAPS, torch.ones(2)), 'lengths must be integers'),
    (orthogonality_loss, (MAPS, TWO, 'avg'), "'none', 'mean' or 'sum'"),
    (coverage_loss, (MAPS, MASKS[0], TWO), 'foreground must be'),
    (coverage_loss, (MAPS, MASKS.repeat(1, 1, 2), TWO), 'the same width'),
    (coverage_loss, (MAPS, MASKS.long(), TWO), 'foreground must be'),
    (text_mask_loss, (torch.rand(2, 3, 5, 4), MASKS.bool()), 'logits must be'),
    (text_mask_loss, (torch.rand(2, 2, 4, 4), MASKS.bool()), 'mask must be'),
    (text_mask_loss, (torch.rand(2, 2, 5, 4), MASKS), 'mask must be'),
    (glyph_loss, (CLAIMS[:, :1], CLAIMS[:, :1].bool(), TWO), 'logits must be'),
    (glyph_loss, (CLAIMS, CLAIMS, TWO), 'labels must be'),
    (glyph_loss, (CLAIMS, CLAIMS[:, :2].bool(), TWO), 'labels must be'),
    (glyph_loss, (CLAIMS, CLAIMS.bool(), LENGTHS), 'lengths must be'),
])
def test_errors(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)


class CallCounter(TorchDispatchMode):

    calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.calls += 1
        return func(*args, **(kwargs or {}))


def test_number_of_operator_calls_does_not_grow():
    counts = []
    for n, t in ((1, 1), (3, 7), (16, 26)):
        c, lengths = case(0, n, t), torch.full((n, ), t)
        for name in LOSSES:
            c[leaf_of(name)].requires_grad_()
        with CallCounter() as counter:
            c['attention'] = resize_attention(c['attention'][:, :, ::2], 12)
            glyph_labels(c['attention'], c['foreground'], lengths, (3, 4))
            sum(loss(c, lengths) for loss in LOSSES.values()).backward()
        counts.append(counter.calls)
    assert counts[0] == counts[1] == counts[2] < 600


@pytest.mark.parametrize('name, valid', [
    *((name, None) for name in LOSSES), ('coverage', VALID), ('glyph Dice', VALID)])
def test_compile(name, valid):
    if not getattr(torch._dynamo, 'is_dynamo_supported', lambda: True)():
        pytest.skip('torch.compile does not support this Python')
    torch._dynamo.reset()
    c = case(6)
    leaves = [value.requires_grad_() for value in c.values() if value.is_floating_point()]
    # Whole graph: nothing asks for a value on the host. No C++ compiler is needed.
    function = torch.compile(LOSSES[name], fullgraph=True, backend='aot_eager')
    results = []
    for f in (LOSSES[name], function):
        loss = f(c, LENGTHS, valid)
        results.append((loss, *torch.autograd.grad(loss, leaves, allow_unused=True)))
    for expected, actual in zip(*results):
        torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize('name, valid', ALL)
def test_on_a_gpu_without_waiting_for_it(name, valid):
    if not torch.cuda.is_available():
        pytest.skip('no CUDA device')
    c = case(7)
    on_gpu = {key: value.cuda() for key, value in c.items()}
    leaves = [value.requires_grad_() for value in on_gpu.values() if value.is_floating_point()]
    lengths, padding = LENGTHS.cuda(), None if valid is None else valid.cuda()
    torch.cuda.set_sync_debug_mode('error')
    try:
        loss = LOSSES[name](on_gpu, lengths, padding)
        torch.autograd.grad(loss, leaves, allow_unused=True)
    finally:
        torch.cuda.set_sync_debug_mode('default')
    torch.testing.assert_close(loss.cpu(), LOSSES[name](c, LENGTHS, valid))
