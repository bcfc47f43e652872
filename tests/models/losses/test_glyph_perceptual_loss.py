import numpy as np
import pytest
import torch

from mmocr_siga.models.losses import GlyphPerceptualLoss, PlainInkLoss
from mmocr_siga.models.losses.functional import ink_loss, perceptual_distance

GLYPH_UNET = dict(type='GlyphUNet', channels=(4, 8))
BORDERS = torch.tensor([[[[4., 4.], [60., 4.]], [[4., 20.], [60., 20.]]],
                        [[[10., 30.], [70., 34.]], [[10., 44.], [70., 48.]]]])


def maps(seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((2, c, h, w)) for c, h, w in ((3, 4, 5), (6, 2, 3))]


@pytest.mark.parametrize('form', ['normalised', 'l1'])
def test_distance_equals_loops(form):
    drawn, wanted, weights = maps(0), maps(1), (1.0, 0.3)
    total = 0.0
    for weight, a, b in zip(weights, drawn, wanted):
        places = []
        for n in range(2):
            for y in range(a.shape[2]):
                for x in range(a.shape[3]):
                    u, v = a[n, :, y, x], b[n, :, y, x]
                    if form == 'normalised':
                        u, v = u / np.linalg.norm(u), v / np.linalg.norm(v)
                        places.append(((u - v) ** 2).sum())
                    else:
                        places.append(np.abs(u - v).sum())
        total += weight * np.mean(places)
    a, b = ([torch.tensor(m) for m in side] for side in (drawn, wanted))
    assert float(perceptual_distance(a, b, weights, form)) == pytest.approx(total, rel=1e-6)
    assert float(perceptual_distance(a, a, weights, form)) == 0
    one = [m[:1] for m in a], [m[:1] for m in b]
    assert float(perceptual_distance(*one, form=form)) > 0
    zeros = [torch.zeros_like(m, requires_grad=True) for m in a]
    perceptual_distance(zeros, b, form=form).backward()
    assert all(z.grad.isfinite().all() for z in zeros)


def test_wrong_arguments():
    with pytest.raises(ValueError, match='form'):
        perceptual_distance([], [], form='l2')
    with pytest.raises(ValueError, match='each level'):
        perceptual_distance([torch.zeros(1, 1, 1, 1)], [])
    with pytest.raises(ValueError, match='form'):
        GlyphPerceptualLoss(GLYPH_UNET, form='l2')


def drawing(seed=0):
    noise = torch.Generator().manual_seed(seed)
    logits = torch.randn(1, 1, 64, 96, generator=noise, requires_grad=True)
    ink = torch.randint(0, 256, (1, 1, 64, 96), generator=noise).byte()
    return logits, ink, torch.zeros(1, 1, 64, 96, dtype=torch.bool)


@pytest.mark.parametrize('options', [
    dict(network='siga_tiny_words'), dict(network='siga_tiny_words', trained=False),
    dict(network=GLYPH_UNET, size=(64, 256)), dict(network=GLYPH_UNET, regions=False)])
def test_the_network_is_frozen_and_the_drawing_learns(options):
    loss = GlyphPerceptualLoss(**options).train()
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    logits, ink, ignored = drawing()
    value = loss(logits, ink, ignored, BORDERS, torch.zeros(2, dtype=torch.long))
    value.backward()
    assert value > 0 and logits.grad.abs().sum() > 0
    assert all(p.grad is None for p in loss.parameters())
    assert not any(module.training for module in loss.modules())
    for name, after in loss.state_dict().items():
        torch.testing.assert_close(after, before[name], rtol=0, atol=0)
    if options.get('regions', True):
        # Ink outside of the words is not looked at.
        assert not logits.grad[:, :, 52:].any()


def test_the_packaged_weights_are_there_and_stay():
    torch.manual_seed(0)
    loss, other = GlyphPerceptualLoss(), GlyphPerceptualLoss(trained=False)
    weights = {name: value.clone() for name, value in loss.network.state_dict().items()}
    loss.init_weights()
    for name, value in loss.network.state_dict().items():
        torch.testing.assert_close(value, weights[name], rtol=0, atol=0)
    assert any((value != weights[name]).any() for name, value in other.network.state_dict().items())


def test_equal_drawings_ignored_regions_and_no_words():
    loss = GlyphPerceptualLoss(GLYPH_UNET)
    logits, ink, ignored = drawing()
    index = torch.zeros(2, dtype=torch.long)
    same = (ink.float() / 255).clamp(1e-6, 1 - 1e-6).logit()
    assert float(loss(same, ink, ignored, BORDERS, index)) == pytest.approx(0, abs=1e-5)
    # Blank on both sides: what is drawn there makes no difference.
    ignored[..., 28:64, :] = True
    changed = logits.detach().clone()
    changed[..., 28:64, :] = 9
    a, b = (loss(each, ink, ignored, BORDERS[1:], index[1:]) for each in (logits, changed))
    assert float(a) == float(b) == 0
    nothing = loss(logits, ink, ignored, BORDERS[:0], index[:0])
    nothing.backward()
    assert float(nothing) == 0 and not logits.grad.any()


@pytest.mark.parametrize('balance', [None, 0.5, 0.2])
def test_ink_loss_equals_loops(balance):
    rng = np.random.default_rng(0)
    logits, ink, ignored = rng.standard_normal((2, 1, 3, 4)), rng.random((2, 1, 3, 4)) > .7, \
        rng.random((2, 1, 3, 4)) > .8
    parts = {True: [], False: []}
    for z, y, skip in zip(logits.ravel(), ink.ravel(), ignored.ravel()):
        if not skip:
            parts[bool(y)].append(np.log1p(np.exp(-z if y else z)))
    wanted = (np.mean(parts[True] + parts[False]) if balance is None else
              balance * np.mean(parts[True]) + (1 - balance) * np.mean(parts[False]))
    tensors = [torch.tensor(each) for each in (logits, ink, ignored)]
    assert float(ink_loss(*tensors, balance)) == pytest.approx(wanted, rel=1e-9)
    assert float(PlainInkLoss(2.0, balance)(*tensors)) == pytest.approx(2 * wanted, rel=1e-9)
    nothing = ink_loss(tensors[0], tensors[1], torch.ones_like(tensors[2]), balance)
    assert float(nothing) == 0
    with pytest.raises(ValueError, match='balance'):
        PlainInkLoss(balance=1.5)
