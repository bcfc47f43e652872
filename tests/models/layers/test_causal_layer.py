import pytest
import torch

from mmocr_siga.models.layers import CausalLayer


def causal(steps):
    return torch.ones(steps, steps, dtype=torch.bool).tril()[None]


@pytest.mark.parametrize('smear', [False, True])
def test_a_row_of_two_words(smear):
    torch.manual_seed(0)
    layer = CausalLayer(6, 2, 8, dropout=0., smear=smear).double()
    x = torch.randn(1, 2, 3, 6).double()
    found = layer(x, visible=causal(6))[0].flatten(0, 2)
    flat = x.flatten(0, 2)
    query, key, value = layer.qkv(layer.norm1(flat)).chunk(3, -1)
    for t in range(6):
        heads = []
        for head, p in enumerate((slice(0, 3), slice(3, 6))):
            keys = key[:, p].clone()
            if smear:
                share = torch.sigmoid(torch.tensor([-2., 2.]).double()[head])
                for i in (1, 2, 4, 5):  # the first of a word has none before it
                    keys[i] = (1 - share) * key[i, p] + share * key[i - 1, p]
            weights = (keys[:t + 1] @ query[t, p] / 3 ** .5).softmax(0)
            heads.append(weights @ value[:t + 1, p])
        y = flat[t] + layer.out(torch.cat(heads))
        torch.testing.assert_close(found[t], y + layer.perceptron(layer.norm2(y)))


@pytest.mark.parametrize('smear', [False, True])
def test_one_position_after_the_other_is_all_at_once(smear):
    torch.manual_seed(0)
    layer = CausalLayer(6, 3, 8, smear=smear).eval()
    x, past, steps = torch.randn(2, 1, 5, 6), None, []
    for t in range(5):
        y, past = layer(x[:, :, t:t + 1], past)
        steps.append(y)
    torch.testing.assert_close(torch.cat(steps, 2), layer(x, visible=causal(5))[0])


def test_what_is_alike_attends_to_each_other_from_the_start():
    layer = CausalLayer(6, 2, 8, smear=True)
    assert torch.equal(layer.qkv.weight[:6], layer.qkv.weight[6:12])
    assert not layer.qkv.bias.any()
    with pytest.raises(ValueError, match='6 channels are no multiple of 4 heads'):
        CausalLayer(6, 4, 8)
