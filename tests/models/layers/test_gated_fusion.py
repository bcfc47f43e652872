import math

import pytest
import torch

from mmocr_siga.models.layers import GatedFusion


@pytest.mark.parametrize('squash, a, b', [(True, 0.3, -1.2), (False, 8., -1.)])
def test_by_hand(squash, a, b):
    fusion = GatedFusion(1, squash)
    with torch.no_grad():
        fusion.gate.weight.copy_(torch.tensor([[2., -1.]]))
        fusion.gate.bias.fill_(0.5)
    z = 1 / (1 + math.exp(-(2 * a - b + 0.5)))
    want = z * math.tanh(a) + (1 - z) * math.tanh(b) if squash else z * a + (1 - z) * b
    got = fusion(torch.tensor([[a]]), torch.tensor([[b]]))
    torch.testing.assert_close(got, torch.tensor([[want]]))
