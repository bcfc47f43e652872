import cmath

import pytest
import torch
from torch import nn

from mmocr_siga.models.layers import (
    RotaryAttention,
    TransformerEncoder,
    axial_angles,
    grid_positions,
    rotary_angles,
    rotate,
)

F64 = torch.float64


def rand(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def turned(x, angles):
    return rotate(x, angles.cos(), angles.sin())


def turned_in_loops(x, places, base):
    """Pair by pair in complex numbers: x (P, d), places (P, A)."""
    out, dim, axes = x.clone(), x.shape[1], len(places[0])
    share = dim // axes
    for p, place in enumerate(places):
        for axis, m in enumerate(place):
            for i in range(share // 2):
                at = axis * share + 2 * i
                z = complex(x[p, at], x[p, at + 1]) * cmath.exp(1j * m * base ** (-2 * i / share))
                out[p, at], out[p, at + 1] = z.real, z.imag
    return out


@pytest.mark.parametrize('places, base', [
    ([(m, ) for m in range(7)], 10000.), ([(0.25, ), (255., ), (-3.7, )], 100.),
    ([(x, y) for y in range(2) for x in range(3)], 100.)])
def test_pairs_of_neighbors_are_turned_as_complex_numbers(places, base):
    x = rand(len(places), 8)
    found = turned(x, rotary_angles(torch.tensor(places, dtype=F64), 8, base))
    torch.testing.assert_close(found, turned_in_loops(x, places, base), rtol=0, atol=1e-12)
    torch.testing.assert_close(found.norm(dim=1), x.norm(dim=1), rtol=0, atol=1e-12)


def test_frequencies_of_a_head_of_32_channels_in_a_picture():
    rates = axial_angles(1, 2, 32, 100.)[1]
    expected = [1, .562, .316, .178, .1, .056, .032, .018] + 8 * [0]
    torch.testing.assert_close(rates, torch.tensor(expected), rtol=0, atol=6e-4)


def test_the_grid_is_row_by_row_and_its_first_half_turns_by_x():
    found = axial_angles(3, 5, 8, 100., F64)
    for p, (x, y) in enumerate(grid_positions(3, 5).tolist()):
        assert (x, y) == (p % 5, p // 5)
        expected = [x, x * 100 ** -.5, y, y * 100 ** -.5]
        torch.testing.assert_close(found[p], torch.tensor(expected, dtype=F64))
    # x and y swapped are those of the transposed grid.
    other = axial_angles(5, 3, 8, 100., F64).view(5, 3, 4).transpose(0, 1).flatten(0, 1)
    assert torch.equal(found.roll(2, 1), other)


def test_scores_depend_on_differences_alone():
    query, key, places = rand(9, 8), rand(9, 8, seed=1), 10 * rand(9, 2, seed=2)
    scores = [turned(query, angles) @ turned(key, angles).T for angles in (
        rotary_angles(places + shift, 8, 100.) for shift in (0, torch.tensor([7.25, -91.5])))]
    torch.testing.assert_close(*scores, rtol=0, atol=1e-12)


def test_the_other_convention_is_a_permutation_of_the_weights():
    """Pairs (i, i + d / 2), as in GPT-NeoX, on permuted channels give the same scores."""
    query, key = rand(6, 8), rand(6, 8, seed=1)
    angles = rotary_angles(torch.arange(6, dtype=F64)[:, None], 8, 10000.)
    order = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])

    def half_split(x):
        x = x[:, order]
        swapped = torch.cat([-x[:, 4:], x[:, :4]], 1)
        return x * angles.cos().repeat(1, 2) + swapped * angles.sin().repeat(1, 2)

    torch.testing.assert_close(half_split(query) @ half_split(key).T,
                               turned(query, angles) @ turned(key, angles).T)
    assert not torch.allclose(half_split(query), turned(query, angles))


def test_angles_stay_exact_under_autocast():
    places = torch.tensor([[255., 131.]])
    exact = rotary_angles(places.double(), 32, 100.)
    with torch.autocast('cpu', torch.bfloat16):
        found = rotary_angles(places, 32, 100.)
        half = rotate(torch.ones(1, 32, dtype=torch.bfloat16), found.cos(), found.sin())
    assert found.dtype == torch.float32 and half.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-4)


def reference(attention, x, angles, visible):
    """Word by word, head by head: visible (N, P, P)."""
    heads, out = attention.num_heads, []
    for n, word in enumerate(x):
        query, key, value = attention.qkv(word).chunk(3, 1)
        parts = []
        for q, k, v in zip(*(t.chunk(heads, 1) for t in (query, key, value))):
            if angles is not None:
                q, k = turned(q, angles), turned(k, angles)
            energy = (q @ k.T / q.shape[1] ** .5).masked_fill(~visible[n], float('-inf'))
            parts.append(energy.softmax(1) @ v)
        out.append(attention.proj(torch.cat(parts, 1)))
    return torch.stack(out)


@pytest.mark.parametrize('kind', ['none', 'keys', 'pairs'])
@pytest.mark.parametrize('turning', [False, True])
def test_attention(kind, turning):
    torch.manual_seed(0)
    attention, x = RotaryAttention(16, 2).double(), rand(2, 6, 16)
    angles = attention.angles(grid_positions(2, 3, F64)) if turning else None
    keys = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    pairs = torch.ones(6, 6, dtype=torch.bool).tril()[None]
    given = dict(none=None, keys=keys, pairs=pairs)[kind]
    visible = dict(none=keys | True, keys=keys, pairs=pairs)[kind]
    visible = (visible if visible.dim() == 3 else visible[:, None]).expand(2, 6, 6)
    torch.testing.assert_close(attention(x, angles, given),
                               reference(attention, x, angles, visible), rtol=0, atol=1e-12)


def test_weights_of_timm_fit_and_read_the_same():
    timm = pytest.importorskip('timm', reason='timm is not installed')
    from timm.models.vision_transformer import Attention
    theirs = Attention(12, 3, qkv_bias=True)
    ours, x = RotaryAttention(12, 3), torch.rand(2, 5, 12)
    ours.load_state_dict(theirs.state_dict())
    torch.testing.assert_close(ours(x), theirs(x), msg=timm.__version__)


def test_bad_widths_are_named():
    with pytest.raises(ValueError, match='6 channels.*2 axes.*multiple of 4'):
        axial_angles(1, 1, 6, 100.)
    with pytest.raises(ValueError, match='no multiple of 3 heads'):
        RotaryAttention(8, 3)


def test_layers_of_an_encoder():
    """Pre-norm layers of torch with the attention in the place of theirs, and one axis unless
    positions are given."""
    torch.manual_seed(0)
    encoder = TransformerEncoder(16, 2, 2, 24, 0., rotary=dict(base=50.)).double().eval()
    x = rand(2, 5, 16)
    valid = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    y, angles = x, rotary_angles(torch.arange(5, dtype=F64)[:, None], 8, 50.)
    for layer in encoder.layers:
        normed = nn.functional.layer_norm(y, (16, ), layer.norm1.weight, layer.norm1.bias)
        y = y + reference(layer.attn, normed, angles, valid[:, None].expand(2, 5, 5))
        y = y + layer.mlp(layer.norm2(y))
    found = encoder(x, valid[:, None])
    torch.testing.assert_close(found, encoder.norm(y), rtol=0, atol=1e-12)
    # What is padded has no part in the rest, and places count by their distances.
    alone = encoder(x[1:, :3])
    torch.testing.assert_close(found[1:, :3], alone, rtol=0, atol=1e-12)
    moved = torch.arange(5, dtype=F64)[None, :, None] + 3.5
    torch.testing.assert_close(encoder(x, valid[:, None], moved), found, rtol=0, atol=1e-12)
    assert not torch.allclose(encoder(x, valid[:, None], 2 * moved), found)
