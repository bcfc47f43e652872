import math

import numpy as np
import pytest
import torch
from mmocr.registry import MODELS
from torch.nn import functional as F


def build(**changes):
    torch.manual_seed(0)
    args = dict(type='PVAM', in_channels=6, channels=6, num_steps=5, num_layers=0)
    return MODELS.build({**args, **changes}).double().eval()


def by_loop(pvam, positions, order, prior=None, visible=None):
    """One energy after the other: positions (P, D), order (T, D)."""
    energies = torch.zeros(len(order), len(positions)).double()
    for t, p in np.ndindex(*energies.shape):
        query, key = pvam.query.weight @ order[t], pvam.key.weight @ positions[p]
        if pvam.score is None:
            energies[t, p] = query @ key / math.sqrt(len(query))
        else:
            energies[t, p] = pvam.score.weight[0] @ (query + key + pvam.key.bias).tanh()
    if prior is not None:
        energies += prior
    if visible is not None:
        energies[:, ~visible] = -math.inf
    return energies.softmax(1) @ positions


@pytest.mark.parametrize('score', ['additive', 'dot'])
@torch.no_grad()
def test_glimpses_equal_a_loop_and_guide_and_prior_may_be_short(score):
    pvam = build(score=score)
    feature = torch.randn(2, 6, 2, 3).double()
    got = pvam(feature)
    assert got.glimpses.shape == (2, 5, 6) and got.attention.shape == (2, 5, 6)
    for n in range(2):
        want = by_loop(pvam, feature[n].flatten(1).T, pvam.order.weight)
        torch.testing.assert_close(got.glimpses[n], want)
    positions = torch.randn(1, 4, 6).double()
    guide, prior = torch.randn(1, 3, 6).double(), torch.randn(1, 3, 4).double()
    visible = torch.tensor([[True, True, False, True]])
    got = pvam(positions, visible, guide, prior).glimpses
    want = by_loop(pvam, positions[0], pvam.order.weight[:3] + guide[0], prior[0], visible[0])
    torch.testing.assert_close(got[0], want)


@torch.no_grad()
def test_padding_changes_nothing():
    pvam = build(num_layers=2, num_heads=2, inner_channels=8)
    wide = torch.randn(1, 6, 2, 5).double()
    valid = torch.tensor([[True, True, True, False, False]])
    first = pvam(wide, valid)
    wide[..., 3:] = 100.
    second = pvam(wide, valid)
    torch.testing.assert_close(second, first)
    assert (first.attention.unflatten(2, (2, 5))[..., 3:] == 0).all()
    assert not torch.allclose(pvam(wide).glimpses, first.glimpses)


@torch.no_grad()
def test_the_transformer_knows_positions_and_all_of_them():
    pvam = build(num_layers=1, num_heads=2, inner_channels=8)
    row = torch.randn(1, 4, 6).double()
    turned = pvam(row.flip(1)).glimpses
    assert not torch.allclose(turned, pvam(row).glimpses)
    torch.testing.assert_close(build()(row.flip(1)).glimpses, build()(row).glimpses)  # without


def test_channels_are_brought_down_and_gradients_reach_every_weight():
    pvam = build(in_channels=9, num_layers=1, num_heads=3, inner_channels=8).train()
    glimpses = pvam(torch.randn(2, 9, 2, 3).double()).glimpses
    glimpses.square().sum().backward()
    assert glimpses.shape == (2, 5, 6)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in pvam.parameters())


@torch.no_grad()
def test_the_first_attention_has_peaks():
    # Maps of order 1: a uniform attention over 64 positions would be 0.016 everywhere.
    pvam = build(channels=32, in_channels=32)
    peaks = pvam(F.layer_norm(torch.randn(8, 64, 32).double(), (32, ))).attention.amax(-1)
    assert peaks.mean() > 0.05


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="score must be one of .* but is 'cosine'"):
        build(score='cosine')
    with pytest.raises(ValueError, match='6 channels are no multiple of 4 heads'):
        build(num_layers=1, num_heads=4)
    pvam = build(num_layers=1, num_heads=2, inner_channels=8, max_positions=5)
    with pytest.raises(ValueError, match='6 positions.*max_positions=5'):
        pvam(torch.randn(1, 6, 2, 3).double())
