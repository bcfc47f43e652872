import torch
from mmocr.registry import MODELS
from torch.nn import functional as F


def test_shapes_and_parts():
    fusion = MODELS.build(dict(type='TokenPyramidFusion', in_channels=6, channels=4)).eval()
    early, first, second = (torch.rand(2, 6, 8, 10) for _ in range(3))
    fine, coarse = fusion(early, first, second)
    assert fusion.channels == (4, 8)
    assert coarse.shape == (2, 8, 8, 10) and fine.shape == (2, 4, 16, 20)

    def layer(module, x, padding=0):
        return F.relu(module[1](F.conv2d(x, module[0].weight, padding=padding)))

    parts = [layer(p[1], layer(p[0], x, 1)) for p, x in zip(fusion.parts, (first, second))]
    torch.testing.assert_close(coarse, torch.cat(parts, 1))
    assert fusion.early[0][0].weight.shape == (8, 6, 1, 1)  # the early tap, to twice the channels
    changed = fusion(early + 1, first, second)
    assert torch.equal(changed[1], coarse) and not torch.equal(changed[0], fine)
