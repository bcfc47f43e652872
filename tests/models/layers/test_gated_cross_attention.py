import pytest
import torch
from torch.nn import functional as F

from mmocr_siga.models.layers import GatedCrossAttention


def layer_and_inputs(sees='own', **options):
    """Rows of 3 words of 4 positions, the last of 5 pictures of 2 tokens."""
    torch.manual_seed(0)
    layer = GatedCrossAttention(6, 5, num_heads=2, head_channels=3, sees=sees, **options).double()
    return layer, torch.randn(2, 3, 4, 6).double(), torch.randn(2, 5, 2, 5).double()


@pytest.mark.parametrize('sees', ['own', 'all'])
def test_words_look_at_their_pictures(sees):
    layer, words, pictures = layer_and_inputs(sees, gate_init=0.7)
    with torch.no_grad():
        layer.gates[1] = 0.2
    found = layer(words, layer.pair(pictures))
    for row in range(2):
        for s in range(3):
            first = 0 if sees == 'all' else 2 + s
            tokens = pictures[row, first:3 + s].flatten(0, 1)
            keys, values = layer.key_value(tokens).chunk(2, -1)
            for t in range(4):
                y = words[row, s, t]
                query = layer.query(layer.norm(y))
                heads = [F.softmax(keys[:, p] @ query[p] / 3 ** .5, 0) @ values[:, p]
                         for p in (slice(0, 3), slice(3, 6))]
                y = y + torch.tanh(torch.tensor(.7)) * layer.out(torch.cat(heads))
                y = y + torch.tanh(torch.tensor(.2)) * layer.perceptron(y)
                torch.testing.assert_close(found[row, s, t], y, rtol=1e-6, atol=1e-6)


def test_pictures_that_are_not_there_are_not_seen():
    layer, words, pictures = layer_and_inputs('all', gate_init=1.)
    visible = torch.ones(2, 3, 5, dtype=torch.bool)
    visible[:, :, 1] = False
    hidden = layer(words, layer.pair(pictures), visible)
    pictures[:, 1] = 99
    assert torch.equal(layer(words, layer.pair(pictures), visible), hidden)
    pictures[:, 2] = 99
    assert not torch.allclose(layer(words, layer.pair(pictures), visible), hidden)


def test_closed_gates_change_nothing():
    layer, words, pictures = layer_and_inputs()
    assert torch.equal(layer(words, layer.pair(pictures)), words)
    with pytest.raises(ValueError, match="sees must be one of .* but is 'none'"):
        GatedCrossAttention(6, sees='none')
