import math

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch.utils._python_dispatch import TorchDispatchMode

from mmocr_siga.models.losses import functional as F
from mmocr_siga.models.pseudo_labels.functional import glyph_labels
from tests.helpers.compiling import runs_in_a_process_of_its_own

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
        sec_logits=2 * normal(n, 4, 12),
        labels=normal(n, t + 1, 3, 4) > 0.5)


# By name: of a case, the lengths and, where padding can be told, the valid columns.
LOSSES = {
    'orthogonality': lambda c, n, v=None: F.orthogonality_loss(c['attention'], n),
    'coverage': lambda c, n, v=None: F.coverage_loss(c['attention'], c['foreground'], n, False, v),
    'coverage, reference':
        lambda c, n, v=None: F.coverage_loss(c['attention'], c['foreground'], n, True, v),
    'coverage, soft': lambda c, n, v=None: F.coverage_loss(c['attention'], c['soft'], n, valid=v),
    'coverage, soft, reference':
        lambda c, n, v=None: F.coverage_loss(c['attention'], c['soft'], n, True, v),
    'text mask': lambda c, n, v=None: F.text_mask_loss(c['mask_logits'], c['foreground'], valid=v),
    'text mask, reference':
        lambda c, n, v=None: F.text_mask_loss(c['mask_logits'], c['foreground'], None, True, v),
    'text mask, ignoring':
        lambda c, n, v=None: F.text_mask_loss(c['mask_logits'], c['foreground'], 100.0, valid=v),
    'glyph cross-entropy':
        lambda c, n, v=None: F.glyph_loss(c['glyph_logits'], c['labels'], n, v)[0],
    'glyph Dice': lambda c, n, v=None: F.glyph_loss(c['glyph_logits'], c['labels'], n, v)[1],
    **{f'SEC {pooling}': lambda c, n, v=None, pooling=pooling: F.sec_loss(
        c['sec_logits'].transpose(1, 2), torch.arange(4, device=n.device) < n[:, None], v,
        pooling=pooling) for pooling in ('noisy_or', 'max', 'logsumexp')}
}
PADDED = [name for name in LOSSES if name != 'orthogonality']
VALID = torch.arange(12) < torch.tensor([[12], [9], [6], [3]])
ALL = [(name, None) for name in LOSSES] + [(name, VALID) for name in PADDED]


def leaf_of(name):
    """What the gradient of a loss goes to."""
    leaves = dict(glyph='glyph_logits', text='mask_logits', SEC='sec_logits')
    return leaves.get(name.split()[0], 'attention')


def oracle(name, c, lengths):
    """Losses of the samples, from the formulas on one sample after the other."""
    samples = []
    for n, length in enumerate(lengths.tolist()):
        sample = {key: value[n].numpy() for key, value in c.items()}
        length = min(length, sample['attention'].shape[0])
        samples.append(ORACLES[name.split(',')[0]](sample, length, name))
    return np.array(samples)


def oracle_orthogonality(s, length, _):
    a = s['attention'][:length]
    overlaps = [((a[i] * a[j])**2).sum() for j in range(length) for i in range(j)]
    return sum(overlaps) / max(length, 1)


def oracle_coverage(s, length, name):
    if length == 0 and 'reference' not in name:
        return 0.0
    share = s['soft' if 'soft' in name else 'foreground'].astype(float)
    steps = expit(70 * (s['attention'][:length] - 0.1))
    m = (steps[:, None] * share).sum(0).clip(0, 1)
    scores = np.stack((1 - m, m))
    if 'reference' in name:  # which takes probabilities for logits
        scores = softmax(scores, 0)
    return -np.log(np.where(share > 0.5, scores[1], scores[0]).clip(1e-6)).mean()


def oracle_text_mask(s, _, name):
    scores = softmax(s['mask_logits'], 0)
    if 'reference' in name:
        scores = softmax(scores, 0)
    return -np.log(np.where(s['foreground'], scores[1], scores[0])).mean()


def oracle_glyph_cross_entropy(s, *_):
    first = s['labels'].argmax(0)  # of the claims, or the background
    return -np.log(np.take_along_axis(softmax(s['glyph_logits'], 0), first[None], 0)).mean()


def oracle_dice(s, length, _):
    losses = []
    for p, y in list(zip(softmax(s['glyph_logits'], 0), s['labels']))[1:length + 1]:
        losses.append(1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1))
    return np.mean(losses) if losses else 0.0


ORACLES = {
    'orthogonality': oracle_orthogonality, 'coverage': oracle_coverage,
    'text mask': oracle_text_mask, 'glyph cross-entropy': oracle_glyph_cross_entropy,
    'glyph Dice': oracle_dice}


@pytest.mark.parametrize('name', [name for name in LOSSES if not name.startswith('SEC')])
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


def test_orthogonality_reductions():
    attention = torch.full((3, 3, 4), 0.25)
    lengths = torch.tensor([0, 2, 3])
    losses = F.orthogonality_loss(attention, lengths, 'none')
    torch.testing.assert_close(losses, torch.tensor([0, 1 / 128, 1 / 64]))
    assert F.orthogonality_loss(attention, lengths, 'sum').item() == pytest.approx(3 / 128)
    assert F.orthogonality_loss(attention, lengths).item() == pytest.approx(1 / 128)


def test_text_mask_drops_samples():
    logits = torch.zeros(3, 2, 1, 1)
    logits[:, 1, 0, 0] = torch.tensor([2.0, 0.0, -2.0])
    logits.requires_grad_()
    mask = torch.ones(3, 1, 1, dtype=torch.bool)
    losses = [math.log(1 + math.exp(-x)) for x in (2, 0, -2)]  # 0.127, 0.693, 2.127
    for limit, kept in ((3.0, 3), (1.0, 2), (0.5, 1), (0.1, 0)):
        loss = F.text_mask_loss(logits, mask, ignore_above=limit)
        assert loss.item() == pytest.approx(sum(losses[:kept]) / max(kept, 1))
        gradient, = torch.autograd.grad(loss, logits)
        assert (gradient[:kept] != 0).all() and (gradient[kept:] == 0).all()
    reached = F.text_mask_loss(torch.zeros(1, 2, 1, 1), mask[:1], ignore_above=math.log(2) - 1e-7)
    assert reached.item() == 0


@pytest.mark.parametrize('channels', [4, 300])  # more than a byte counts
def test_glyph_target_is_the_lowest_claim_or_background(channels):
    logits = torch.randn(1, channels, 1, 3)
    labels = torch.zeros(1, channels, 1, 3, dtype=torch.bool)
    labels[0, -2:, 0, 0] = True  # claimed by the last two
    labels[0, :, 0, 1] = True  # by all; the last pixel by none
    loss, _ = F.glyph_loss(logits, labels, torch.tensor([channels - 1]))
    target = torch.tensor([[[channels - 2, 0, 0]]])
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(logits, target))


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
    (F.orthogonality_loss, (MAPS[0], TWO), 'attention must be'),
    (F.orthogonality_loss, (MAPS, LENGTHS), 'lengths must be'),
    (F.orthogonality_loss, (MAPS, torch.ones(2)), 'lengths must be integers'),
    (F.orthogonality_loss, (MAPS, TWO, 'avg'), "'none', 'mean' or 'sum'"),
    (F.coverage_loss, (MAPS, MASKS[0], TWO), 'foreground must be'),
    (F.coverage_loss, (MAPS, MASKS.repeat(1, 1, 2), TWO), 'the same width'),
    (F.coverage_loss, (MAPS, MASKS.long(), TWO), 'foreground must be'),
    (F.text_mask_loss, (torch.rand(2, 3, 5, 4), MASKS.bool()), 'logits must be'),
    (F.text_mask_loss, (torch.rand(2, 2, 4, 4), MASKS.bool()), 'mask must be'),
    (F.text_mask_loss, (torch.rand(2, 2, 5, 4), MASKS), 'mask must be'),
    (F.glyph_loss, (CLAIMS[:, :1], CLAIMS[:, :1].bool(), TWO), 'logits must be'),
    (F.glyph_loss, (CLAIMS, CLAIMS, TWO), 'labels must be'),
    (F.glyph_loss, (CLAIMS, CLAIMS[:, :2].bool(), TWO), 'labels must be'),
    (F.glyph_loss, (CLAIMS, CLAIMS.bool(), LENGTHS), 'lengths must be'),
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
            c['attention'] = F.resize_attention(c['attention'][:, :, ::2], 12)
            glyph_labels(c['attention'], c['foreground'], lengths, (3, 4))
            sum(loss(c, lengths) for loss in LOSSES.values()).backward()
        counts.append(counter.calls)
    assert counts[0] == counts[1] == counts[2] < 800


@pytest.mark.parametrize('name, valid', [
    *((name, None) for name in LOSSES), ('coverage', VALID), ('glyph Dice', VALID)])
def test_compile(name, valid):
    assert runs_in_a_process_of_its_own(compile_and_compare, name, valid)


def compile_and_compare(name, valid):
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


@pytest.mark.cuda
@pytest.mark.parametrize('name, valid', ALL)
def test_on_a_gpu_without_waiting_for_it(name, valid):
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
