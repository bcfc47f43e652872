import math

import torch
from mmocr.registry import MODELS


@torch.no_grad()
def test_by_hand():
    vsfd = MODELS.build(dict(type='VSFD', num_classes=2, channels=1)).double()
    vsfd.fusion.gate.weight.copy_(torch.tensor([[2., -1.]]))
    vsfd.fusion.gate.bias.fill_(0.5)
    vsfd.classifier.weight.copy_(torch.tensor([[1.], [-3.]]))
    vsfd.classifier.bias.copy_(torch.tensor([0., 10.]))
    g, s = 4., -1.5  # far from what a tanh would leave of them
    z = 1 / (1 + math.exp(-(2 * g - s + 0.5)))
    f = z * g + (1 - z) * s
    got = vsfd(torch.tensor([[[g]]]).double(), torch.tensor([[[s]]]).double())
    torch.testing.assert_close(got, torch.tensor([[[f, 10 - 3 * f]]]).double())
