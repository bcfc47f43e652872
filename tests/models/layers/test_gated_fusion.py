import math

import torch

from mmocr_siga.models.layers import GatedFusion


def test_by_hand():
    fusion = GatedFusion(1)
    with torch.no_grad():
        fusion.gate.weight.copy_(torch.tensor([[2., -1.]]))
        fusion.gate.bias.fill_(0.5)
    a, b = 0.3, -1.2
    z = 1 / (1 + math.exp(-(2 * a - b + 0.5)))
    want = z * math.tanh(a) + (1 - z) * math.tanh(b)
    got = fusion(torch.tensor([[a]]), torch.tensor([[b]]))
    torch.testing.assert_close(got, torch.tensor([[want]]))


def test_without_squashing_large_inputs_stay_large():
    fusion = GatedFusion(1, squash=False)
    with torch.no_grad():
        fusion.gate.weight.copy_(torch.tensor([[0., 1.]]))
        fusion.gate.bias.zero_()
    a, b = torch.tensor([[8.]]), torch.tensor([[-1.]])
    z = 1 / (1 + math.exp(1))
    want = torch.tensor([[8 * z - (1 - z)]])
    torch.testing.assert_close(fusion(a, b), want)
