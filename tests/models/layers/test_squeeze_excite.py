import torch

from mmocr_siga.models.layers import SqueezeExcite


def test_channel_weights_by_hand():
    module = SqueezeExcite(4, slope=0.2)
    with torch.no_grad():
        module.squeeze.weight.copy_(torch.tensor([1., 0, -1, 0])[None, :, None, None])
        module.squeeze.bias.fill_(0.5)
        module.expand.weight.copy_(torch.tensor([1., -1, 10, -10])[:, None, None, None])
        module.expand.bias.zero_()
    x = torch.ones(1, 4, 2, 2) * torch.tensor([3., 1, 1, 1])[:, None, None]
    # Squeezed: relu(3 - 1 + 0.5) = 2.5; weights: clamp(0.2 * (2.5, -2.5, 25, -25) + 0.5, 0, 1).
    expected = torch.tensor([3., 0, 1, 0])
    assert torch.allclose(module(x)[0, :, 0, 0], expected)
